"""Pictures of text, opened and read. The only file that imports Pillow."""

import io

from faultmaven_domain.kernel.extraction import UnreadableFile

from .ocr import Pixels, read_pixels

FORMATS = ("PNG", "JPEG", "WEBP")
MOST_PIXELS = 80_000_000


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
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableFile(f"The picture has more than {MOST_PIXELS // 1_000_000} million pixels.") from error
    except (UnreadableFile, MemoryError):
        raise
    except Exception as error:  # a broken file is anything to Pillow: OSError, SyntaxError, ValueError, struct.error...
        raise UnreadableFile("The picture is damaged; save it again as PNG or JPEG.") from error
    paper = Image.new("RGBA", upright.size, "white")
    return np.asarray(Image.alpha_composite(paper, upright).convert("RGB"))
