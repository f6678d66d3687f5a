"""A Lambda function: what a photograph is, what its camera wrote into it, its main colours, and a thumbnail."""

import base64
import io
import json

from PIL import ExifTags, Image, ImageOps

THUMBNAIL = (128, 128)
COLOURS = 4


def handler(event, context):
    """Take ``{"name": str, "image": base64}`` and describe the picture; the thumbnail comes back as base64 JPEG."""
    with Image.open(io.BytesIO(base64.b64decode(event["image"]))) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
        description = {
            "name": event["name"],
            "format": image.format,
            "width": image.width,
            "height": image.height,
            "exif": exif(image),
            "colours": dominant_colours(upright),
            "thumbnail": thumbnail(upright),
        }
    print(json.dumps({"described": description["name"], "colours": description["colours"]}))
    return description


def exif(image):
    """The EXIF tags by name, as text."""
    return {ExifTags.TAGS.get(tag, str(tag)): str(value) for tag, value in image.getexif().items()}


def dominant_colours(image):
    """The most frequent colours after reducing the picture to a small palette, as #rrggbb, most frequent first."""
    reduced = image.resize((96, 96)).quantize(COLOURS)
    palette = reduced.getpalette()
    counts = sorted(reduced.getcolors(), reverse=True)
    return ["#{:02x}{:02x}{:02x}".format(*palette[index * 3 : index * 3 + 3]) for _, index in counts]


def thumbnail(image):
    """A JPEG that fits into THUMBNAIL, base64."""
    small = image.copy()
    small.thumbnail(THUMBNAIL)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return base64.b64encode(buffer.getvalue()).decode()
