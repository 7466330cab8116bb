"""Pictures of text, opened and read. The only file that imports Pillow."""

import io
from typing import TYPE_CHECKING

from faultmaven_domain.kernel.extraction import UnreadableFile

from .ocr import Pixels, read_pixels

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP")
MOST_PIXELS = 80_000_000
LONGEST_EDGE = 100_000


def picture_text(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Raises: UnreadableFile when it is damaged or too large, or reading pictures does not work here."""
    lines = read_pixels(_opened(data))
    return "\n".join(lines) + "\n" if lines else "", ()


def _opened(data: bytes) -> Pixels:
    import numpy as np  # late: few files need them
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise UnreadableFile(f"The picture has more than {MOST_PIXELS // 1_000_000} million pixels.")
            if max(picture.size) > LONGEST_EDGE:
                raise UnreadableFile(f"The picture is longer than {LONGEST_EDGE} pixels; cut it into parts.")
            ImageOps.exif_transpose(picture, in_place=True)
            return np.asarray(_on_paper(picture))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableFile(f"The picture has more than {MOST_PIXELS // 1_000_000} million pixels.") from error
    except (UnreadableFile, MemoryError):
        raise
    except Exception as error:  # a broken file is anything to Pillow: OSError, SyntaxError, ValueError, struct.error...
        raise UnreadableFile("The picture is damaged; save it again as PNG or JPEG.") from error


def _on_paper(picture: "Image.Image") -> "Image.Image":
    """In three colours; what is transparent is white. One copy at most, for the largest weigh a quarter of a GB."""
    from PIL import Image

    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    drawn = picture.convert("RGBA")
    paper = Image.new("RGB", drawn.size, "white")
    paper.paste(drawn, mask=drawn.getchannel("A"))
    return paper
