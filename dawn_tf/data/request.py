import dataclasses
import pathlib


@dataclasses.dataclass(frozen=True)
class Request:
    """What `load` asks of a source: checked, with the source's defaults filled in.

    Attributes:
        folder: Folder with the files; a file for sources that read one; `None` for those that
            need none.
        task, protocol: Among the source's `TASKS` and `PROTOCOLS`.
        image_size: `(height, width)` images are resized to, or `None` for rows.
        seed: Of the random division.
        in_memory: Whether images are decoded once and kept (`True`), decoded when they are used
            (`False`), or the first as long as they fit (`None`).
        options: The source's own `OPTIONS`, with the values given for this load.
    """

    folder: pathlib.Path | None
    task: str
    protocol: str
    image_size: tuple | None = None
    seed: int = 0
    in_memory: bool | None = None
    options: dict = dataclasses.field(default_factory=dict)
