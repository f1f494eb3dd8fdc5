"""Reading data files."""

import bz2
import gzip
import lzma
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.errors import UsageError
from driftline.tables import iter_table, read_table

TABLE = "temp,state,label\n1.5,on,ok\n,off,\n2,on,bad one\n"


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


class TestEveryDialectGivesTheSameTable:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.csv", TABLE),
            ("a.csv", TABLE.replace(",", ";")),
            ("a.tsv", TABLE.replace(",", "\t")),
            ("a.csv", TABLE.replace("\n", "\r\n")),
            ("a.csv", b"\xef\xbb\xbf" + TABLE.encode()),
            ("a.csv", TABLE.replace(",", ", ")),
            ("a.csv", "\n" + TABLE + "\n\n"),
            ("a.csv", TABLE.replace("bad one", '"bad one"').removesuffix("\n")),
            ("a.csv.gz", gzip.compress(TABLE.encode(), mtime=0)),
            ("a.csv.bz2", bz2.compress(TABLE.encode())),
            ("a.csv.xz", lzma.compress(TABLE.encode())),
        ],
    )
    def test_dialect(self, tmp_path: Path, name: str, content: str | bytes) -> None:
        frame = read_table(write(tmp_path, name, content))
        assert frame.columns.tolist() == ["temp", "state", "label"]
        assert frame.to_numpy().tolist() == [["1.5", "on", "ok"], [None, "off", None], ["2", "on", "bad one"]]

    def test_a_delimiter_and_a_line_break_inside_quotes_are_text(self, tmp_path: Path) -> None:
        frame = read_table(write(tmp_path, "a.csv", 'text,label\n"a, b\nc; ""d""",1\n'))
        assert frame["text"].tolist() == ['a, b\nc; "d"']

    def test_an_index_written_by_pandas_is_kept_under_its_name(self, tmp_path: Path) -> None:
        assert read_table(write(tmp_path, "a.csv", ",x,y\n0,1,2\n")).columns.tolist() == ["Unnamed: 0", "x", "y"]

    def test_parquet_keeps_its_types_and_whole_numbers_beside_a_null(self, tmp_path: Path) -> None:
        frame = pd.DataFrame(
            {"i": pd.array([1, None, 2**60 + 1], dtype="Int64"), "s": ["a", None, "b"], "f": [1.5] * 3}
        )
        frame.to_parquet(tmp_path / "a.parquet")
        read = read_table(tmp_path / "a.parquet")
        assert read["i"].isna().tolist() == [False, True, False]
        assert read["i"][2] == 2**60 + 1
        assert read["f"].tolist() == [1.5] * 3


class TestChunksAreTheWholeFile:
    @given(rows=st.integers(1, 40), size=st.integers(1, 50), parquet=st.booleans())
    def test_concatenated(self, tmp_path_factory: pytest.TempPathFactory, rows: int, size: int, parquet: bool) -> None:
        folder = tmp_path_factory.mktemp("chunks")
        frame = pd.DataFrame({"a": [f"v{i}" for i in range(rows)], "b": [float(i) for i in range(rows)]})
        path = folder / ("t.parquet" if parquet else "t.csv")
        if parquet:
            frame.to_parquet(path)
        else:
            frame.to_csv(path, index=False)
        chunks = list(iter_table(path, size))
        assert all(len(chunk) <= size for chunk in chunks)
        assert [row for chunk in chunks for row in chunk.index] == list(range(rows))
        pd.testing.assert_frame_equal(pd.concat(chunks), read_table(path))

    def test_a_chunk_is_read_before_the_next_is_looked_at(self, tmp_path: Path) -> None:
        chunks = iter_table(write(tmp_path, "a.csv", "a,b\n1,2\n3\n"), 1)
        assert next(chunks)["a"].tolist() == ["1"]
        with pytest.raises(UsageError, match="line 3"):
            next(chunks)


class TestWhatIsNoTableIsRefusedWithTheReason:
    @pytest.mark.parametrize(
        ("name", "content", "says"),
        [
            ("a.csv", "", "the file is empty"),
            ("a.csv", "\n\n", "the file is empty"),
            ("a.csv.gz", gzip.compress(b"", mtime=0), "the file is empty"),
            ("a.csv", "a,b\n", "a header and no rows"),
            ("a.csv", "1.5,2,3\n4,5,6\n", "no header: the first line holds numbers"),
            ("a.csv", "a,b,a\n1,2,3\n", "names column 'a' more than once"),
            ("a.csv", "a,b\n1,2\n3,4,5\n", "line 3: 3 cells; the header has 2"),
            ("a.csv", 'a,b\n"x\ny",2\n3\n', "line 4: 1 cells; the header has 2"),
            ("a.csv", 'a,b\n1,"2\n', "line 2: unexpected end of data"),
            ("a.csv", "just words\nand more\n", "found one column"),
            ("a.csv", "a,b\n1,caf\xe9\n".encode("latin-1"), "not UTF-8"),
            ("a.csv", "a,b\n1,2\n".encode("utf-16"), "UTF-16"),
            ("a.csv", b"\x00\x01\x02,\x03", "binary data"),
            ("a.xlsx", b"PK\x03\x04", ".xlsx is not a table"),
            ("a.csv.gz", b"a,b\n1,2\n", "not a complete .gz file"),
            ("a.csv.gz", gzip.compress(TABLE.encode() * 99, mtime=0)[:-9], "not a complete .gz file"),
            ("a.parquet", b"PAR1 but no more", "not a Parquet file that can be read"),
        ],
    )
    def test_content(self, tmp_path: Path, name: str, content: str | bytes, says: str) -> None:
        path = write(tmp_path, name, content)
        with pytest.raises(UsageError) as caught:
            read_table(path)
        assert says in str(caught.value)
        assert str(path) in str(caught.value)

    def test_no_file_and_no_directory(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no such file"):
            read_table(tmp_path / "nothing.csv")
        with pytest.raises(UsageError, match="is a directory"):
            read_table(tmp_path)

    def test_without_pyarrow_the_package_to_install_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
        with pytest.raises(UsageError, match=r"pip install 'driftline\[parquet\]'"):
            read_table(write(tmp_path, "a.parquet", b"PAR1"))
