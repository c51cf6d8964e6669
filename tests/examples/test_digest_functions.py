"""The functions of the digest example, called directly on small texts and on its own documents."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "digest"
PAIRS = {
    frozenset({"alice-rabbit-hole", "alice-tea-party"}),
    frozenset({"constitution", "declaration-of-independence"}),
    frozenset({"opticks-queries", "opticks-rainbow"}),
    frozenset({"jargon-folklore", "jargon-slang-and-culture"}),
}


def load_digest() -> ModuleType:
    spec = importlib.util.spec_from_file_location("digest_example", FOLDER / "digest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


digest = load_digest()


def document(*sentences: str, name: str = "sample") -> dict[str, object]:
    return {"name": name, "title": name.title(), "sentences": list(sentences)}


def corpus_of(**texts: str) -> dict[str, object]:
    counts = [digest.count_terms(document(text, name=name)) for name, text in texts.items()]
    corpus: dict[str, object] = digest.build_corpus(counts)
    return corpus


@pytest.fixture(scope="module")
def documents() -> list[dict[str, object]]:
    return [digest.read_document(path) for path in digest.list_documents("documents")]


def write_digest(documents: list[dict[str, object]]) -> str:
    corpus = digest.build_corpus([digest.count_terms(each) for each in documents])
    counts, frequency, size = corpus["counts"], corpus["frequency"], corpus["size"]
    report: str = digest.write_report(
        [digest.measure(each) for each in documents],
        [digest.rank_terms(each, size, frequency, 8) for each in counts],
        [digest.summarize(each, 3) for each in documents],
        digest.compare(counts, size, frequency) if size > 1 else None,
        digest.find_overlap(counts, frequency) if size > 1 else None,
    )
    return report


# ------------------------------------------------------------------------------------------------ reading


def test_documents_are_listed_in_alphabetical_order_and_without_the_sources() -> None:
    listed = digest.list_documents("documents")
    assert listed == sorted(f"documents/{path.name}" for path in (FOLDER / "documents").glob("*.txt"))


@pytest.mark.parametrize("folder", ["..", "/etc", "documents/../.."])
def test_a_folder_outside_of_the_workflow_is_refused(folder: str) -> None:
    with pytest.raises(ValueError, match="outside of the workflow's folder"):
        digest.list_documents(folder)


def test_a_document_outside_of_the_workflow_is_refused() -> None:
    with pytest.raises(ValueError, match="outside of the workflow's folder"):
        digest.read_document("../../pyproject.toml")


def test_a_missing_folder_is_named() -> None:
    with pytest.raises(ValueError, match="no folder 'elsewhere'"):
        digest.list_documents("elsewhere")


def test_a_folder_without_documents_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="put at least one document there"):
        digest.list_documents(".")


def test_the_first_line_is_the_title_and_no_sentence() -> None:
    alice = digest.read_document("documents/alice-rabbit-hole.txt")
    assert alice["title"] == "Alice's Adventures in Wonderland: Down the Rabbit-Hole"
    assert alice["sentences"][0].startswith("Alice was beginning to get very tired")


@pytest.mark.parametrize("path", sorted((FOLDER / "documents").glob("*.txt")), ids=lambda path: path.stem)
def test_every_document_is_of_useful_size_and_has_its_source_named(path: Path) -> None:
    assert 5_000 < path.stat().st_size < 60_000
    assert f"`{path.name}`" in (FOLDER / "documents" / "SOURCES.md").read_text(encoding="utf-8")


# ---------------------------------------------------------------------------------------------- sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One line.\nAnother\none.", ["One line.", "Another one."]),
        ("Dr. Gray of the U.S. Navy came. He left.", ["Dr. Gray of the U.S. Navy came.", "He left."]),
        ("See Fig. 14. and Prop. IX. for it. Then go.", ["See Fig. 14. and Prop. IX. for it.", "Then go."]),
        ("Is it? Yes! “Sure.” (Maybe.) End.", ["Is it?", "Yes!", "“Sure.”", "(Maybe.)", "End."]),
        ("The waistcoat-\npocket is small.", ["The waistcoat-pocket is small."]),
        ("It goes on,\n\nand on.\n\nThen it stops.", ["It goes on, and on.", "Then it stops."]),
        ("CHAPTER I\n\nPROP. IX. PROB. IV.\n\nDown the Hole\n\nShe fell.", ["She fell."]),
        ("It is so.\n\n64 bytes: seq=0 ttl=255 time=61.\n\nYes.", ["It is so.", "Yes."]),
        ("*   *   *   *\n\nIt is so.", ["It is so."]),
        ("A _wide_ {hack} in my_own_code.[M]\n\n[Illustration: FIG. 1.]", ["A wide hack in my_own_code."]),
        ("   • Drives would seek.\n\n   • Tapes would rewind.", ["Drives would seek.", "Tapes would rewind."]),
        ("Section 1", []),
        ("", []),
    ],
)
def test_prose_is_cut_into_sentences_and_the_rest_is_left_out(text: str, sentences: list[str]) -> None:
    assert digest.split_sentences(text) == sentences


def test_quotation_marks_become_typographic_ones() -> None:
    assert digest.split_sentences("`I don't,' said Alice.") == ["\u2018I don\u2019t,\u2019 said Alice."]


def test_terms_are_words_with_a_meaning() -> None:
    assert digest.terms_of("It's the Hatter's tea-party, isn't it? No. 5!") == ["hatter", "tea-party"]


# ------------------------------------------------------------------------------------------- one document


@pytest.mark.parametrize(
    ("word", "syllables"),
    [
        *[("a", 1), ("the", 1), ("time", 1), ("rules", 1), ("jumped", 1), ("queen", 1), ("hmm", 1)],
        *[("table", 2), ("wanted", 2), ("houses", 2), ("government", 3), ("independence", 4)],
    ],
)
def test_syllables_are_estimated(word: str, syllables: int) -> None:
    assert digest.count_syllables(word) == syllables


def test_reading_ease_is_the_formula_of_flesch() -> None:
    measured = digest.measure(document("The cat sat on the mat.", "It was happy."))
    assert (measured["words"], measured["sentences"], measured["vocabulary"]) == (9, 2, 8)
    assert measured["reading_ease"] == round(206.835 - 1.015 * 9 / 2 - 84.6 * 10 / 9, 1)


def test_variety_is_the_mean_over_all_windows() -> None:
    assert digest._moving_variety(["a", "b", "a", "a"], window=2) == pytest.approx((2 + 2 + 1) / 3 / 2)
    assert digest._moving_variety(["a", "b"]) == 1.0


def test_a_summary_keeps_the_order_of_the_text_and_picks_what_is_central() -> None:
    central = "The old red fox in the forest hunts rabbits beside the river."
    text = document(
        "Nobody could remember when the bakery had last been open.",
        "Every rabbit in the forest fears the old fox.",
        central,
        "The river runs through the forest where rabbits drink all day.",
    )
    assert central in digest.summarize(text, 2)
    assert digest.summarize(text, 4) == text["sentences"]
    assert len(digest.summarize(text, 0)) == 1


def test_a_summary_prefers_sentences_that_cut_no_quotation_in_two() -> None:
    whole = "The guard of the hospital said that the terminal was not on the list."
    cut = "The guard of the hospital said: \u201cThe terminal is not on the list of the hospital."
    assert digest.summarize(document(cut, whole), 1) == [whole]


def test_a_text_with_nothing_shared_is_summarized_all_the_same() -> None:
    assert digest.summarize(document("Fox."), 3) == ["Fox."]


# ------------------------------------------------------------------------------------------ the documents


def test_a_plural_counts_as_its_singular_where_the_corpus_has_both() -> None:
    corpus = corpus_of(one="Laws and colonies and switches.", two="A law, a switch and glass lens.")
    assert corpus["frequency"] == {"colonies": 1, "glass": 1, "law": 2, "lens": 1, "switch": 2}


def test_key_terms_are_frequent_here_and_rare_elsewhere() -> None:
    corpus = corpus_of(one="fox fox fox river river lonely", two="river river river", three="river bear")
    terms = digest.rank_terms(corpus["counts"][0], corpus["size"], corpus["frequency"], 5)  # type: ignore[index]
    assert [(each["term"], each["count"]) for each in terms] == [("fox", 3), ("river", 2)]


def test_similarity_is_one_for_the_same_words_and_zero_for_none_shared() -> None:
    corpus = corpus_of(one="fox river", two="river fox", three="bakery bread")
    pairs = digest.compare(corpus["counts"], corpus["size"], corpus["frequency"])
    assert [(each["first"], each["second"], each["cosine"], each["jaccard"]) for each in pairs] == [
        ("one", "two", 1.0, 1.0),
        ("one", "three", 0.0, 0.0),
        ("two", "three", 0.0, 0.0),
    ]
    assert pairs[0]["because"] == ["fox", "river"]


def test_a_document_without_terms_is_like_no_other() -> None:
    corpus = corpus_of(one="fox", two="It is so.")
    assert digest.compare(corpus["counts"], corpus["size"], corpus["frequency"])[0]["cosine"] == 0.0


def test_overlap_counts_what_is_shared_and_what_each_has_to_itself() -> None:
    corpus = corpus_of(one="fox fox river bear", two="river sea", three="river sea fish")
    overlap = digest.find_overlap(corpus["counts"], corpus["frequency"])
    assert overlap["shared"] == {"river": 3, "sea": 2}
    assert overlap["own"][0] == {"name": "one", "terms": 2, "share": 0.667, "most_frequent": ["fox", "bear"]}


def test_the_documents_that_belong_together_are_found(documents: list[dict[str, object]]) -> None:
    corpus = digest.build_corpus([digest.count_terms(each) for each in documents])
    pairs = digest.compare(corpus["counts"], corpus["size"], corpus["frequency"])
    assert {frozenset({each["first"], each["second"]}) for each in pairs[:4]} == PAIRS


# --------------------------------------------------------------------------------------------- the report


def test_the_report_has_a_row_and_a_section_for_every_document(documents: list[dict[str, object]]) -> None:
    report = write_digest(documents)
    assert report.startswith("# Digest of 8 documents\n")
    assert "## How they compare" in report
    for each in documents:
        assert f"\n| {each['title']} | " in report
        assert f"\n### {each['title']}\n" in report


def test_the_report_is_the_same_every_time(documents: list[dict[str, object]]) -> None:
    assert write_digest(documents) == write_digest(documents)


def test_the_report_of_a_single_document_compares_nothing(documents: list[dict[str, object]]) -> None:
    report = write_digest(documents[:1])
    assert report.startswith("# Digest of 1 document\n")
    assert "## How they compare" not in report
