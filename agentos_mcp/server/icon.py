"""The icon that clients show for the server, as a data: URI; drawn by `python -m scripts.icon`."""

MIME_TYPE = "image/png"
SIZES = ["64x64"]
DATA_URI = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAMAAACdt4HsAAAAXVBMVEUAAAAgICAgICAgICAgICAgICAgICAgICAgICAgIEBgYICA"
    "gKCAgIBAQGDg4P/////AwMBAQEDg4OD/4P+goMCgoKDAwODgwOBAIEDAYED/gEDggECAQECgYEBgQEANUTdfAAAAH3RSTlMAIGCg"
    "4P9AwAD/////////////////////////////Ky9BrwAAAVZJREFUeNrtl9tygjAQhgNhhRAhBmulgH3/x3SpykmdkPxMe9P/hhmY"
    "/SZ7CrtCPBTFMqFVSmQciaV2KXkp3c3MM0nektloHyUUoCTC7EdCFmjPhJsXkoIlf+JPgPpcpAgg5QgSpEjEGCD2DKHK9b6Yh9Er"
    "h/vSsA52kknhY6/NTZUa3/kA7PEOMB9hgMcBjDmqIMBhAJjibwCwCyMgKIjqNNgHpVH1Efh8KqTVAHtmy5N6KuW1gKJie/3qiwNQ"
    "27p/5Hz0MidfQP3VsNqOD1CaqiAnYOFg19zV1pSfLTkBi14d7JnAcHICFr1aNxNd3vsp3vXqZQpolBswKXSttaJ2Bvh2AyatxlI0"
    "s2+6XwDALsBBhNOIFxJeyngzbd7OW1wom11p+KWKX+v4j+X/77zJiPN6yILHPHjQhEddeNiGx3184YBXHnzpgtc+fPHEV198+QbW"
    "/ytsqGw/imG6BgAAAABJRU5ErkJggg=="
)
