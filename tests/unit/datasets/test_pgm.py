import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from happymaps.datasets.pgm import decode_pgm, is_pgm


def encode(values: np.ndarray, maximum: int, *, plain: bool) -> bytes:
    height, width = values.shape
    header = f"{'P2' if plain else 'P5'}\n{width} {height}\n{maximum}\n".encode()
    if plain:
        return header + "\n".join(" ".join(map(str, row)) for row in values).encode()
    return header + values.astype(np.uint8 if maximum < 256 else ">u2").tobytes()


@pytest.mark.parametrize(
    "content",
    [
        b"P2\n3 2\n4\n0 1 2\n3 4 4\n",
        b"P2 # a comment\n# another\n3\t2 #and\r\n4\n0 1 # in the body 9\n2 3 4 4",
        b"P5\n3 2\n4\n\x00\x01\x02\x03\x04\x04",
        b"P5 3 2 4 \x00\x01\x02\x03\x04\x04 what follows is ignored",
        b"P5\n# 16 bits\n3 2\n400\n\x00\x00\x00\x64\x00\xc8\x01\x2c\x01\x90\x01\x90",
    ],
)
def test_decode_pgm_divides_by_the_maximum_of_the_header(content):
    image = decode_pgm(content)
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, [[0, 0.25, 0.5], [0.75, 1, 1]])


def test_decode_pgm_is_exact_where_eight_bits_would_round():
    # Pillow gives 2 / 255 for this pixel.
    assert decode_pgm(b"P5 1 1 156 \x01")[0, 0] == np.float32(1 / 156)


@given(st.integers(1, 65535), st.data())
def test_plain_and_binary_pgm_decode_alike(maximum, data):
    shape = hnp.array_shapes(min_dims=2, max_dims=2, max_side=6)
    values = data.draw(hnp.arrays(np.int64, shape, elements=st.integers(0, maximum)))
    plain = decode_pgm(encode(values, maximum, plain=True))
    binary = decode_pgm(encode(values, maximum, plain=False))
    np.testing.assert_array_equal(plain, binary)
    np.testing.assert_array_equal(plain, (values / maximum).astype(np.float32))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG\r\n", r"Expected a PGM file.*\\x89PNG"),
        (b"", "begins with b''"),
        (b"P2\n3 2\n4\n0 1 2\n3 4", "Expected 6 values up to 4.*Received 5 values"),
        (b"P2\n3 2\n4\n", "Received 0 values"),
        (b"P5\n3 2\n4\n\x00\x01", "Received 2 values"),
        (b"P5\n3 2\n400\n\x00\x01\x02", "Received 1 values"),
        (b"P5\n1 1\n4\n\x05", "up to 4 in a PGM file. Received 1 values up to 5"),
        (b"P2\n2 1\n4\n1 -1", "Expected numbers.*b'-'"),
        (b"P2\n2 1\n4\n1 x2", "Expected numbers.*b'x'"),
        (b"P5\n0 2\n4\n\x00", "positive size.*Received 0x2"),
        (b"P5\n1 1\n65536\n\x00\x00", "from 1 to 65535.*maximum 65536"),
        (b"P5\n99999 99999\n255\n\x00", "Expected 9999800001 values"),
    ],
)
def test_decode_pgm_names_what_is_wrong(content, message):
    with pytest.raises(ValueError, match=message):
        decode_pgm(content)


def test_is_pgm_looks_at_the_first_two_bytes():
    assert is_pgm(b"P2\n") and is_pgm(b"P5\n")
    assert not is_pgm(b"P6\n") and not is_pgm(b"")
