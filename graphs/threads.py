"""A question's trace in its thread: written when the question is answered, or waits; stopped or broken, it has none."""

from collections.abc import Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)

Saver = BaseCheckpointSaver[Any]


class Held(Saver):
    """The threads as one run sees them: it reads what they have, and what it writes is held back until `keep`.

    LangGraph itself saves a run however it ends. A branch that was done, or asked back, when another was stopped would
    come up again with the next question.
    """

    def __init__(self, threads: Saver) -> None:
        super().__init__(serde=threads.serde)
        self._threads = threads
        self._checkpoints: list[tuple[RunnableConfig, Checkpoint, CheckpointMetadata, ChannelVersions]] = []
        self._writes: list[tuple[RunnableConfig, Sequence[tuple[str, Any]], str, str]] = []

    async def keep(self) -> None:
        """A checkpoint is what makes its writes count, so what is stopped here has kept all or nothing."""
        for writes in self._writes:
            await self._threads.aput_writes(*writes)
        for checkpoint in self._checkpoints:
            await self._threads.aput(*checkpoint)

    def get_next_version(self, current: Any, channel: None) -> Any:
        return self._threads.get_next_version(current, channel)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return await self._threads.aget_tuple(config)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        self._checkpoints.append((config, checkpoint, metadata, new_versions))
        return {"configurable": {**config["configurable"], "checkpoint_id": checkpoint["id"]}}

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        self._writes.append((config, writes, task_id, task_path))
