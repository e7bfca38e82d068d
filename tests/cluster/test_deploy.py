"""deploy/: what the files name is what there is, and no secret stands in them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from anyio.abc import SocketAttribute, SocketStream, TaskGroup

from agentos_mcp.server.http.health import HEALTH, READY
from agentos_mcp.server.http.oauth import METADATA
from agentos_mcp.server.http.settings import HTTP_OPTIONS, TOKEN_VARIABLE
from agentos_mcp.settings import OPTIONS
from scripts.project import ROOT
from tests._support.deploy_files import COMPOSE, DEPLOY, MANIFESTS
from tests._support.postgres import free_port
from tests.cluster.programs import find
from tests.cluster.services import NGINX_CONFIGURATION, Service, nginx_configuration

VARIABLES = {variable for option in (*OPTIONS, *HTTP_OPTIONS) for variable in option.variables} | {TOKEN_VARIABLE}
OURS, WORKERS = ("agentos-mcp-1", "agentos-mcp-2"), ("agentos-1", "agentos-2")
NGINX = NGINX_CONFIGURATION.read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def manifest(kind: str, name: str) -> dict[str, Any]:
    (found,) = [one for one in MANIFESTS if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


def container(name: str) -> dict[str, Any]:
    """The only container of a Deployment or StatefulSet."""
    (found,) = [
        one for one in MANIFESTS if one["kind"] in {"Deployment", "StatefulSet"} if one["metadata"]["name"] == name
    ]
    (only,) = found["spec"]["template"]["spec"]["containers"]
    return dict(only)


def test_compose_has_two_of_each_and_what_they_need() -> None:
    assert set(COMPOSE["services"]) == {*OURS, *WORKERS, "nginx", "postgres", "redis"}
    assert set(COMPOSE["services"]["nginx"]["depends_on"]) == {*OURS, *WORKERS}
    assert COMPOSE["services"]["nginx"]["volumes"] == ["./nginx.conf:/etc/nginx/nginx.conf:ro"]


def test_compose_mounts_volumes_that_there_are() -> None:
    mounts = [mount for service in COMPOSE["services"].values() for mount in service.get("volumes", ())]
    assert {mount.partition(":")[0] for mount in mounts if not mount.startswith(".")} == COMPOSE["volumes"].keys()


@pytest.mark.parametrize("name", OURS)
def test_compose_gives_replicas_settings_that_there_are(name: str) -> None:
    service = COMPOSE["services"][name]
    assert set(service["environment"]) <= VARIABLES
    files = {value for setting, value in service["environment"].items() if setting.endswith("_FILE")}
    assert files == {f"/run/secrets/{secret}" for secret in service["secrets"]}
    assert set(service["secrets"]) == set(COMPOSE["secrets"])


def test_replicas_share_the_secret_of_open_questions_and_cancel_nothing_by_a_closed_stream() -> None:
    kubernetes = {one["name"]: one.get("value") for one in container("agentos-mcp")["env"]}
    for given in (COMPOSE["services"][OURS[0]]["environment"], kubernetes):
        assert given["AGENTOS_MCP_STATE_SECRET_FILE"].endswith("/state-secret")
        assert given["AGENTOS_MCP_ON_CANCEL"] == "explicit"
        assert "AGENTOS_MCP_HTTP_TOKEN_FILE" in given


def test_kubernetes_gives_replicas_settings_that_there_are() -> None:
    given = container("agentos-mcp")
    assert {one["name"] for one in given["env"]} <= VARIABLES
    (mount,) = given["volumeMounts"]
    for one in given["env"]:
        assert not one["name"].endswith("_FILE") or one["value"].startswith(f"{mount['mountPath']}/")


def test_kubernetes_probes_what_the_servers_answer() -> None:
    ours = container("agentos-mcp")
    for probe, path in (("livenessProbe", HEALTH), ("readinessProbe", READY)):
        assert ours[probe]["httpGet"] == {"path": path, "port": "http"}
    assert container("agentos")["livenessProbe"]["httpGet"]["path"] == "/health"


def test_ports_are_those_that_the_image_and_the_services_have() -> None:
    port = int(re.search(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)[1])  # type: ignore[index]  # it has one
    assert container("agentos-mcp")["ports"] == [{"name": "http", "containerPort": port}]
    assert manifest("Service", "agentos-mcp")["spec"]["ports"][0]["port"] == port
    assert set(re.findall(r"server (agentos-mcp-\d:\d+) ", NGINX)) == {f"{name}:{port}" for name in OURS}
    agentos = container("agentos")["ports"][0]["containerPort"]
    assert set(re.findall(r"server (agentos-\d:\d+) ", NGINX)) == {f"{name}:{agentos}" for name in WORKERS}
    assert {one["value"] for one in container("agentos-mcp")["env"] if one["name"] == "AGENTOS_URL"} == {
        f"http://agentos:{agentos}"
    }
    assert COMPOSE["services"][OURS[0]]["environment"]["AGENTOS_URL"] == f"http://nginx:{agentos}"


def test_ingress_passes_on_all_that_clients_read() -> None:
    (rule,) = manifest("Ingress", "agentos-mcp")["spec"]["rules"]
    assert {one["path"]: one["pathType"] for one in rule["http"]["paths"]} == {"/mcp": "Prefix", METADATA: "Prefix"}


@pytest.mark.parametrize("one", [m for m in MANIFESTS if m["kind"] == "Service"], ids=lambda m: m["metadata"]["name"])
def test_kubernetes_services_select_pods_that_there_are(one: dict[str, Any]) -> None:
    owners = [other for other in MANIFESTS if other["kind"] in {"Deployment", "StatefulSet"}]
    labels = [other["spec"]["template"]["metadata"]["labels"] for other in owners]
    assert one["spec"]["selector"] in labels
    (port,) = one["spec"]["ports"]
    assert port["targetPort"] in {each["name"] for each in container(one["metadata"]["name"])["ports"]}


def test_kubernetes_refers_to_secrets_and_holds_none() -> None:
    assert not [one for one in MANIFESTS if one["kind"] == "Secret"]
    for name in ("agentos-mcp", "agentos", "postgres"):
        for one in container(name)["env"]:
            hidden = re.search(r"PASSWORD$|SECURITY_KEY$|DATABASE_URL$", one["name"])
            assert ("valueFrom" in one) is bool(hidden), one["name"]


def test_every_secret_is_one_that_the_page_makes() -> None:
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    made = dict(re.findall(r"^kubectl create secret \w+ (\S+) (.+)$", page, re.MULTILINE))
    text = (DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8")
    for name, key in re.findall(r"secretKeyRef: \{name: ([\w-]+), key: ([\w-]+)\}", text):
        assert re.search(rf"(/|from-literal=){key}\b", made[name])
    assert set(re.findall(r"secretName: ([\w-]+)", text)) <= made.keys()
    for secret in COMPOSE["secrets"].values():
        assert f"> deploy/{secret['file'].removeprefix('./')}\n" in page


def test_compose_holds_no_password() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    for value in re.findall(r"(?:PASSWORD|SECURITY_KEY): (.+)", text):
        assert value.startswith("${")
    assert "agentos:${POSTGRES_PASSWORD" in text


def test_images_are_names_without_a_registry() -> None:
    images = [service["image"] for service in COMPOSE["services"].values()]
    images += [container(name)["image"] for name in ("agentos-mcp", "agentos", "postgres", "redis")]
    for image in images:
        assert "/" not in image.partition("?")[0], image
        assert not image.endswith(":latest")


def test_nginx_holds_no_stream_back() -> None:
    annotations = manifest("Ingress", "agentos-mcp")["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/proxy-buffering"] == "off"
    assert annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"] == "3600"
    assert "proxy_buffering off;" in NGINX
    assert "gzip off;" in NGINX
    assert "proxy_read_timeout 1h;" in NGINX


def test_nginx_sends_nothing_twice_that_may_have_arrived() -> None:
    assert "non_idempotent" not in NGINX
    assert not re.search(r"^\s*keepalive ", NGINX, re.MULTILINE)


@pytest.mark.process
@pytest.mark.skipif(find("nginx") is None, reason="nginx is not installed")
def test_nginx_takes_the_configuration(tmp_path: Path) -> None:
    nginx = find("nginx")
    assert nginx is not None
    ports = {name: 9000 + number for number, name in enumerate((*OURS, *WORKERS, "80", "7777"))}
    (tmp_path / "nginx.conf").write_text(nginx_configuration(ports, tmp_path))
    checked = subprocess.run([nginx, "-t", "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert "syntax is ok" in checked.stderr


async def _echo_server(name: str, tasks: TaskGroup) -> int:
    """The port of a server that streams its name, and then nothing more."""

    async def handle(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 1000\r\n\r\n"
            await stream.send(head + f"data: {name}\n\n".encode())
            await anyio.sleep_forever()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")

    async def serve() -> None:
        async with listener:
            await listener.serve(handle)

    tasks.start_soon(serve)
    return int(listener.extra(SocketAttribute.local_port))  # noqa: S610 - anyio's, not Django's


@pytest.mark.process
@pytest.mark.anyio
@pytest.mark.skipif(find("nginx") is None, reason="nginx is not installed")
async def test_nginx_passes_streams_on_as_they_come_and_keeps_sessions_together(tmp_path: Path) -> None:
    nginx = find("nginx")
    assert nginx is not None
    async with anyio.create_task_group() as tasks:
        ports = {name: await _echo_server(name, tasks) for name in (*OURS, *WORKERS)}
        ports |= {"80": free_port(), "7777": free_port()}
        (tmp_path / "nginx.conf").write_text(nginx_configuration(ports, tmp_path))
        service = Service("nginx", [nginx, "-c", str(tmp_path / "nginx.conf")], ports["80"], tmp_path / "nginx.log")
        await anyio.to_thread.run_sync(service.start)

        async def first_event(version: str, port: int = ports["80"]) -> str:
            async with httpx.AsyncClient(timeout=10) as client:
                headers = {"mcp-protocol-version": version}
                async with client.stream("POST", f"http://127.0.0.1:{port}/mcp", headers=headers) as answer:
                    pieces = answer.aiter_text()
                    assert isinstance(pieces, AsyncGenerator)
                    async with aclosing(pieces):
                        return await anext(pieces)

        try:
            latest = [await first_event("2026-07-28") for _ in range(6)]
            earlier = [await first_event("2025-11-25") for _ in range(6)]
            workers = [await first_event("", ports["7777"]) for _ in range(6)]
        finally:
            await anyio.to_thread.run_sync(service.kill)
            tasks.cancel_scope.cancel()
    assert set(latest) == {f"data: {name}\n\n" for name in OURS}
    assert len(set(earlier)) == 1
    assert set(workers) == {f"data: {name}\n\n" for name in WORKERS}
