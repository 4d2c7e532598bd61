"""Tables as others write them: what is read, and what is refused with a remedy."""

import numpy as np
import pytest

from happymaps.datasets.tables import read_table


@pytest.fixture
def write(tmp_path):
    def write(text: str, encoding: str = "utf-8"):
        path = tmp_path / "table.csv"
        path.write_text(text, encoding=encoding)
        return path

    return write


def test_columns_and_target_are_read_and_a_mark_of_the_encoding_is_passed_over(write):
    path = write("a,flag,kind\n1,True,x\n2.5,False,y\n", "utf-8-sig")
    columns, target = read_table(path, "kind")
    assert list(columns) == ["a", "flag"] and (columns.dtypes == np.float32).all()
    np.testing.assert_array_equal(columns, [[1, 1], [2.5, 0]])
    assert list(target) == ["x", "y"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,x\n2,y\n", "Did you mean 'b'"),
        ("a;kind\n1;x\n", "parted by other signs than commas"),
        ("a,b,kind\n1,,x\n2,3,\n", "2 of 2 rows with empty ones, in b, kind"),
        ("city,a,kind\nRome,1,x\n", "text in city, such as 'Rome'"),
        ("", "cannot be read as one"),
        ("a,kind\n1,x\n1,2,3,4\n", "cannot be read as one"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(write, text, message):
    with pytest.raises(ValueError, match=message):
        read_table(write(text), "bb" if "b\n1,x" in text else "kind")


def test_a_folder_a_missing_file_and_a_picture_are_no_tables(tmp_path):
    with pytest.raises(ValueError, match="is a folder"):
        read_table(tmp_path, "kind")
    with pytest.raises(ValueError, match="does not exist"):
        read_table(tmp_path / "none.csv", "kind")
    (tmp_path / "picture.csv").write_bytes(bytes(range(256)))
    with pytest.raises(ValueError, match="cannot be read as one"):
        read_table(tmp_path / "picture.csv", "kind")
