"""The first-party tables as a whole."""

import pytest

from benchbed.published.cells import Gap, Printed


def test_there_are_27_tables_of_five_papers_in_four_works(installed):
    papers = {table.paper.id: table.paper for table in installed.tables.values()}
    assert len(installed.tables) == 27
    assert len(papers) == 5
    assert len({paper.work or paper.id for paper in papers.values()}) == 4


def test_every_table_says_where_it_is_from_and_what_it_compares(installed):
    for table in installed.tables.values():
        assert table.entry.number
        assert table.entry.compares
        assert table.entry.caption
        assert all(row.dataset for row in table.rows)


def test_every_paper_describes_exactly_the_tables_that_there_are(installed):
    for paper in {t.paper.id: t.paper for t in installed.tables.values()}.values():
        stems = {t.path.stem for t in installed.tables.values() if t.paper.id == paper.id}
        assert stems == set(paper.tables)
        used = {c for t in installed.tables.values() if t.paper.id == paper.id for c in t.columns}
        assert used == set(paper.columns)


@pytest.mark.parametrize(
    ("table", "numbers", "lost", "unprinted"),
    [
        ("amfm-preprint-5", 13, 0, 1),
        ("astmt-1", 6, 0, 0),
        ("astmt-2", 12, 0, 0),
        ("astmt-3a", 16, 8, 0),
        ("astmt-3d", 19, 11, 0),
        ("astmt-5a", 43, 2, 0),
        ("astmt-6a", 18, 5, 1),
        ("astmt-7", 19, 5, 0),
        ("ati-net-1", 50, 0, 0),
        ("urban-road-1", 12, 0, 0),
    ],
)
def test_a_table_has_as_many_cells_as_were_copied(installed, table, numbers, lost, unprinted):
    found = installed.table(table)
    cells = [c for row in found.rows for c in [*row.cells.values(), row.delta_m] if c is not None]
    assert sum(isinstance(cell, Printed) for cell in cells) == numbers
    assert cells.count(Gap.LOST) == lost
    assert cells.count(Gap.UNPRINTED) == unprinted
