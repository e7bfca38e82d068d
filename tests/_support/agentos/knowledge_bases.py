"""An AgentOS with several knowledge bases: a folder, remote sources, and every way in which reading can end.

Its remote source is a shelf in memory with S3's habits: the ids of what comes are not those that
AgentOS announces, a path that is not there leaves no trace, and what gets stuck stays "processing".
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agno.db.sqlite import SqliteDb
from agno.knowledge import Knowledge
from agno.knowledge.content import Content, ContentStatus
from agno.knowledge.document import Document
from agno.knowledge.remote_content.base import BaseStorageConfig, ListFilesResult
from agno.knowledge.remote_content.github import GitHubConfig
from agno.knowledge.remote_content.s3 import S3Config
from agno.os import AgentOS
from agno.vectordb.search import SearchType

from agentos_mcp.demo.vector_db import HashedEmbedder, InMemoryVectorDb

FOLDER_VARIABLE = "LIBRARY_FOLDER"

SHELF = {
    "welcome.txt": "A shelf holds remote words about ocelots.",
    "guides/one.txt": "The first guide is about otters.",
    "guides/two.txt": "The second guide is about owls.",
    "guides/broken.txt": "",
    "ruins/a.txt": "",
    "ruins/b.txt": "",
    "stuck.txt": "never read",
}


class ShelfConfig(S3Config):
    """Remote files in memory, listed as S3 lists them."""

    async def alist_files(
        self, prefix: str | None = None, delimiter: str = "/", limit: int = 100, page: int = 1
    ) -> ListFilesResult:
        if self.id == "locked":
            raise RuntimeError("NoCredentials: Unable to locate credentials")
        start = prefix or ""
        beneath = sorted(key for key in SHELF if key.startswith(start))
        folders = sorted({start + key[len(start) :].split("/")[0] + "/" for key in beneath if "/" in key[len(start) :]})
        files = [
            {
                "key": key,
                "name": key.rpartition("/")[2],
                "size": len(SHELF[key]),
                "last_modified": datetime(2026, 3, 1, 12, tzinfo=UTC),
                "content_type": "text/plain",
            }
            for key in beneath
            if "/" not in key[len(start) :]
        ]
        return ListFilesResult(
            files=files[(page - 1) * limit : page * limit],
            folders=[{"prefix": f, "name": f.strip("/"), "is_empty": False} for f in folders] if page == 1 else [],
            page=page,
            limit=limit,
            total_count=len(files),
            total_pages=-(-len(files) // limit),
        )


class Library(Knowledge):
    """Knowledge whose S3 is a shelf."""

    async def _aload_from_s3(
        self, content: Content, upsert: bool, skip_if_exists: bool, config: BaseStorageConfig | None = None
    ) -> None:
        remote: Any = content.remote_content
        asked = remote.key or remote.prefix
        keys = sorted(key for key in SHELF if key == asked or key.startswith(f"{asked}/"))
        for key in keys:
            metadata = self._build_s3_metadata(self._validate_s3_config(content, config), "shelf", key)
            entry = self._create_content_entry_for_folder(
                content,
                self._compute_content_name(key, key.rpartition("/")[2], content.name, "", len(keys) > 1),
                f"s3://shelf/{key}",
                self._merge_metadata(metadata, content.metadata),
                "s3",
            )
            await self._ainsert_contents_db(entry)
            if key == "stuck.txt":
                continue
            if not SHELF[key]:
                entry.status, entry.status_message = ContentStatus.FAILED, f"{key} cannot be opened"
                await self._aupdate_content(entry)
                continue
            documents = [Document(name=key, content=SHELF[key])]
            self._prepare_documents_for_insert(documents, entry.id or "")
            await self._ahandle_vector_db_insert(entry, documents, upsert)


class ChoosyVectorDb(InMemoryVectorDb):
    """It can be asked to search by words alone."""

    search_type = SearchType.vector

    def get_supported_search_types(self) -> list[str]:
        return [SearchType.vector.value, SearchType.keyword.value]

    def search(self, query: str, limit: int = 5, filters: Any = None, user_id: str | None = None) -> list[Document]:
        found = super().search(query, limit, filters, user_id)
        if self.search_type is SearchType.keyword:
            return [each for each in found if query.casefold() in each.content.casefold()]
        return found


def build(db_file: str) -> AgentOS:
    db = SqliteDb(db_file=db_file, id="library-db")
    far = SqliteDb(db_file=f"{db_file}.far", id="far-db")
    main = Library(
        name="Main Hall",
        vector_db=InMemoryVectorDb(embedder=HashedEmbedder()),
        contents_db=db,
        content_sources=[
            ShelfConfig(id="shelf", name="The Shelf", bucket_name="shelf"),
            ShelfConfig(id="locked", name="Locked Shelf", bucket_name="locked"),
            GitHubConfig(id="code", name="Code"),
        ],
    )
    annex = Knowledge(name="Annex", vector_db=ChoosyVectorDb(embedder=HashedEmbedder()), contents_db=db)
    remote = Knowledge(name="Far", vector_db=InMemoryVectorDb(embedder=HashedEmbedder()), contents_db=far)
    annex.insert(name="annex guide", text_content="The annex keeps maps of the moon.")
    if folder := os.environ.get(FOLDER_VARIABLE):
        for each in sorted(Path(folder).iterdir()):
            main.insert(path=str(each))
    return AgentOS(id="library", knowledge=[main, annex, remote], db=db, telemetry=False)
