"""Lines of text drawn in several fonts, read by PP-OCRv4's recogniser; the score is character accuracy."""

import functools
import io
from collections.abc import Iterator

import numpy as np
import onnxruntime
from PIL import Image, ImageDraw, ImageFont

from tests.models.fetch import archive_member, require_model
from tests.models.quantization.task import Array, Floats, Points, Run, Task

HEIGHT, WIDTH = 48, 320
MARGIN = 4
CALIBRATION_LINES, TEST_LINES = 40, 120
CALIBRATION_SEED, TEST_SEED = 101, 202
FONTS = (
    ("reportlab==4.2.5", "reportlab/fonts/Vera.ttf"),
    ("reportlab==4.2.5", "reportlab/fonts/VeraBd.ttf"),
    ("captcha==0.6.0", "captcha/data/DroidSansMono.ttf"),
    ("font-lato==0.1.0", "font_lato/files/Lato-Regular.ttf"),
    ("font-lato==0.1.0", "font_lato/files/Lato-BoldItalic.ttf"),
    ("font-caladea==0.0.2", "font_caladea/files/Caladea-Regular.ttf"),
    ("font-caladea==0.0.2", "font_caladea/files/Caladea-Italic.ttf"),
    ("font-source-serif-pro==0.0.1", "font_source_serif_pro/files/SourceSerifPro-Regular.ttf"),
)
VOCABULARY = """
about above account across address after again animal answer apple autumn balance basket before behind between bottle
branch bridge bright bucket butter button camera candle carbon castle center change chapel cheese choice circle clever
coffee colour common copper corner cotton course custom dinner direct doctor double dragon engine enough estate evening
family famous farmer figure finger flower forest friend future garden gentle golden ground guitar hammer harbor health
hidden island jacket kitchen ladder letter little lumber machine market meadow medium mirror modern morning mother
museum native nature needle number object office orange orchid oxygen paper parade pencil people pepper picture planet
pocket police potato public purple quarter quiet rabbit railway reason record region river rocket saddle salmon school
season second shadow silver simple sister square station storm street summer sunset supper system table temple thunder
ticket timber travel tunnel valley velvet village violin walnut water weather window winter wonder yellow zebra
"""
WORDS = VOCABULARY.split()


def make_task() -> Task:
    return Task(
        "text lines",
        lambda: require_model("pp_ocr_rec"),
        {"x": f"f32[1, 3, {HEIGHT}, {WIDTH}]"},
        lambda: ({"x": image} for _, image in lines(CALIBRATION_SEED, CALIBRATION_LINES)),
        lambda: ({"x": image} for _, image in lines(TEST_SEED, TEST_LINES)),
        grade,
    )


def grade(run: Run) -> Iterator[Points]:
    """Per line: its characters less the edits from what was read, and its characters."""
    for text, image in lines(TEST_SEED, TEST_LINES):
        (scores,) = run({"x": image}).values()
        yield len(text) - edit_distance(read_off(scores), text), len(text)


@functools.cache
def lines(seed: int, count: int) -> tuple[tuple[str, Floats], ...]:
    """`count` texts, each with its picture f32[1, 3, 48, 320] in -1..1, zero to the right of the text."""
    rng = np.random.default_rng(seed)
    return tuple(draw(rng, index) for index in range(count))


def draw(rng: np.random.Generator, index: int) -> tuple[str, Floats]:
    """One line; fonts take turns. Ink, paper, size, place, sharpness and noise are drawn."""
    font = fonts(int(rng.integers(22, 34)))[index % (len(FONTS) + 1)]
    text = make_text(rng)
    while font.getlength(text) > WIDTH - 2 * MARGIN:
        text = text.rpartition(" ")[0] or text[:-1]
    width = min(WIDTH, int(font.getlength(text)) + 2 * MARGIN)
    dark, light = rng.integers(0, 110, 3), rng.integers(150, 256, 3)
    ink, paper = (dark, light) if rng.random() < 0.8 else (light, dark)
    picture = Image.new("RGB", (width, HEIGHT), tuple(int(c) for c in paper))
    place = (MARGIN, HEIGHT // 2 + int(rng.integers(-2, 3)))
    ImageDraw.Draw(picture).text(place, text, fill=tuple(int(c) for c in ink), font=font, anchor="lm")
    if rng.random() < 0.3:
        # As from a small picture made larger.
        picture = picture.resize((width // 2, HEIGHT // 2), Image.Resampling.BILINEAR).resize((width, HEIGHT))
    pixels = np.asarray(picture, np.float32) + rng.normal(0, rng.uniform(0, 20), (HEIGHT, width, 3)).astype(np.float32)
    image = np.zeros((1, 3, HEIGHT, WIDTH), np.float32)
    image[0, :, :, :width] = (np.clip(pixels[:, :, ::-1], 0, 255) / 127.5 - 1).transpose(2, 0, 1)
    return text, image


def make_text(rng: np.random.Generator) -> str:
    """Words, some capitalised, among them numbers, prices, dates, times, codes and addresses."""
    parts = [make_part(rng) for _ in range(int(rng.integers(2, 5)))]
    return " ".join(parts)


def make_part(rng: np.random.Generator) -> str:
    word = WORDS[int(rng.integers(len(WORDS)))]
    match int(rng.integers(14)):
        case 0:
            return str(rng.integers(10, 100000))
        case 1:
            return f"${rng.integers(1, 500)}.{rng.integers(100):02}"
        case 2:
            return f"{rng.integers(1990, 2040)}-{rng.integers(1, 13):02}-{rng.integers(1, 29):02}"
        case 3:
            return f"{rng.integers(24):02}:{rng.integers(60):02}"
        case 4:
            return word.upper()
        case 5:
            letters = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
            return "".join(letters[i] for i in rng.integers(len(letters), size=int(rng.integers(4, 8))))
        case 6:
            return f"{word}@{WORDS[int(rng.integers(len(WORDS)))]}.com"
        case 7:
            return f"({word})"
        case 8 | 9:
            return word.capitalize()
        case _:
            return word


@functools.cache
def fonts(size: int) -> tuple[ImageFont.FreeTypeFont, ...]:
    """FONTS and Pillow's own, `size` pixels high."""
    own = ImageFont.load_default(size)
    assert isinstance(own, ImageFont.FreeTypeFont)  # Pillow has FreeType in all its wheels
    files = [io.BytesIO(font_file(requirement, member)) for requirement, member in FONTS]
    return *(ImageFont.truetype(file, size, layout_engine=ImageFont.Layout.BASIC) for file in files), own


@functools.cache
def font_file(requirement: str, member: str) -> bytes:
    return archive_member(requirement, member)


@functools.cache
def alphabet() -> tuple[str, ...]:
    """What each class means: the blank, the characters that the model names in its metadata, and the space."""
    session = onnxruntime.InferenceSession(str(require_model("pp_ocr_rec")), providers=["CPUExecutionProvider"])
    return "", *session.get_modelmeta().custom_metadata_map["character"].split("\n"), " "


def read_off(scores: Array) -> str:
    """Greedy CTC decoding of f32[1, steps, classes]: the best class of each step, repeats and blanks left out.

    Spaces at either end are dropped: they stand for the margin of the picture, which has no place in the text.
    """
    best = [int(index) for index in scores[0].argmax(axis=1)]
    characters = alphabet()
    kept = [index for index, before in zip(best, [0, *best], strict=False) if index not in (0, before)]
    return "".join(characters[index] for index in kept).strip()


def edit_distance(a: str, b: str) -> int:
    """The fewest insertions, deletions and substitutions between two strings (Levenshtein 1966)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        above_left, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            above_left, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above_left + (x != y))
    return row[-1]
