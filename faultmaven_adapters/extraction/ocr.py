"""Text out of pixels, by the PP-OCR models that come inside rapidocr, which only this file imports."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import frozen

from faultmaven_domain.kernel.extraction import UnreadableFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels: TypeAlias = NDArray[np.uint8]  # height, width, red-green-blue
else:
    Pixels = Any

WIDEST_GAP = 8  # spaces between two columns, at most
#: In pixels: what the engine shrinks a side to, the least it can use, where it looks for lines, and the cutting.
LONGEST_SIDE = 4096
SHORTEST_SIDE = 8
LOOKED_AT = 1600
TALLEST = 1800
CUT_WITHIN = 400


@frozen(kw_only=True)
class Box:
    """A piece of text and where it stands, in pixels from the upper left."""

    left: float
    top: float
    right: float
    bottom: float
    text: str

    @classmethod
    def around(cls, corners: Sequence[tuple[float, float]], text: str) -> "Box":
        xs, ys = zip(*corners, strict=True)
        return cls(left=min(xs), top=min(ys), right=max(xs), bottom=max(ys), text=text)

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    @property
    def height(self) -> float:
        return self.bottom - self.top


def read_pixels(pixels: Pixels) -> list[str]:
    """The lines of text, from top to bottom. Raises: UnreadableFile where the engine does not work."""
    try:
        engine = _engine()
    except ImportError as error:
        raise UnreadableFile(f"Pictures cannot be read on this machine: {error}.") from error
    lines: list[str] = []
    for strip in strips(pixels):
        short, long = sorted(strip.shape[:2])
        if short < SHORTEST_SIDE or short * LONGEST_SIDE < 2 * SHORTEST_SIDE * long:
            continue  # too small for a letter, as it is or once the engine has shrunk it
        found = engine(strip[:, :, ::-1])  # it takes blue-green-red, as OpenCV does
        if found.boxes is not None and found.txts is not None:
            corners = found.boxes.tolist()
            lines += rows(Box.around(four, text) for four, text in zip(corners, found.txts, strict=True))
    return lines


def strips(pixels: Pixels) -> Iterator[Pixels]:
    """A tall picture from top to bottom in parts, cut where a row of pixels is most even, which is between lines."""
    while len(pixels) > TALLEST:
        window = pixels[TALLEST - CUT_WITHIN : TALLEST]
        unevenness = window.max(axis=1).astype(int) - window.min(axis=1)
        cut = TALLEST - CUT_WITHIN + int(unevenness.sum(axis=1).argmin())
        yield pixels[:cut]
        pixels = pixels[cut:]
    yield pixels


def rows(boxes: Iterable[Box]) -> list[str]:
    """Boxes that stand beside each other on one line, from left to right; a gap stays visible, as between columns."""
    lines: list[list[Box]] = []
    for box in sorted(boxes, key=lambda box: box.middle):
        line = lines[-1] if lines else []
        if line and abs(box.middle - line[-1].middle) * 2 < min(box.height, line[-1].height):
            line.append(box)
        else:
            lines.append([box])
    return [_joined(sorted(line, key=lambda box: box.left)) for line in lines]


def _joined(line: Sequence[Box]) -> str:
    written = line[0].text
    for before, box in pairwise(line):
        letter = max(1.0, (before.right - before.left) / max(1, len(before.text)))
        written += " " * min(WIDEST_GAP, max(1, round((box.left - before.right) / letter))) + box.text
    return written


@cache
def _engine() -> Any:
    """Loaded once in a process, which takes a second.

    Lines are looked for in no more than 1600 pixels, then read one by one and on one thread: five times as fast on
    screenshots as the defaults, in half the memory, with the same letters. The pool's processes fill the other cores.
    """
    import rapidocr

    def model(part: str) -> str:
        found = sorted((Path(rapidocr.__file__).parent / "models").glob(f"*_{part}_*.onnx"))
        if not found:  # with no path given, the library would fetch one
            raise ImportError(f"rapidocr has come without its {part} model")
        return str(found[0])

    return rapidocr.RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.max_side_len": LONGEST_SIDE,
            "Global.use_cls": False,  # tells upside-down lines, which screenshots and scans do not have
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "Det.model_path": model("det"),
            "Det.limit_type": "max",
            "Det.limit_side_len": LOOKED_AT,
            "Rec.model_path": model("rec"),
            "Rec.rec_batch_num": 1,
        }
    )
