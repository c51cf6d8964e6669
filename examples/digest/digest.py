"""The functions of the digest workflow: plain Python over plain text, no model and no network.

Every function takes and returns JSON values, so each step can be looked at, compared and run again by
itself. The same documents give the same report, byte for byte.
"""

import math
import re
from collections import Counter
from itertools import combinations, pairwise
from pathlib import Path
from typing import TypedDict

HERE = Path(__file__).resolve().parent


class Document(TypedDict):
    """A document that was read: its title and its prose, sentence by sentence."""

    name: str
    title: str
    sentences: list[str]


class Statistics(TypedDict):
    """What can be counted in one document."""

    name: str
    title: str
    words: int
    sentences: int
    words_per_sentence: float
    reading_ease: float
    vocabulary: int
    variety: float


class TermCounts(TypedDict):
    """How often each term occurs in one document."""

    name: str
    counts: dict[str, int]


class KeyTerm(TypedDict):
    """A term, how often it occurs in its document and how much it sets the document apart."""

    term: str
    count: int
    score: float


class Corpus(TypedDict):
    """The counts of all documents, and in how many of them each term occurs."""

    counts: list[TermCounts]
    frequency: dict[str, int]
    size: int


class Pair(TypedDict):
    """Two documents and how alike their words are, from 0 to 1."""

    first: str
    second: str
    cosine: float
    jaccard: float
    because: list[str]


class Own(TypedDict):
    """What only one of the documents speaks of."""

    name: str
    terms: int
    share: float
    most_frequent: list[str]


class Overlap(TypedDict):
    """Which terms most documents share, each with the number of documents, and what each has to itself."""

    shared: dict[str, int]
    own: list[Own]


# ---------------------------------------------------------------------------------------------- documents


def list_documents(folder: str) -> list[str]:
    """Name the text files in *folder*, in alphabetical order.

    Raises: ValueError when the folder is outside of this one, is missing or holds no ``.txt`` file.
    """
    directory = _inside(folder)
    if not directory.is_dir():
        raise ValueError(f"there is no folder {folder!r} beside {Path(__file__).name}")
    paths = sorted(path for path in directory.glob("*.txt") if path.is_file())
    if not paths:
        raise ValueError(f"the folder {folder!r} holds no .txt file; put at least one document there")
    return [path.relative_to(HERE).as_posix() for path in paths]


def read_document(path: str) -> Document:
    """Read the document at *path*: its first line is the title, the prose below is cut into sentences.

    Raises: ValueError when the path is outside of this folder, or the file has no prose or is not UTF-8.
    """
    file = _inside(path)
    lines = file.read_text(encoding="utf-8").strip().splitlines()
    sentences = split_sentences("\n".join(lines[1:]))
    if not sentences:
        raise ValueError(f"{path} has no sentences below its first line")
    return {"name": file.stem, "title": " ".join(lines[0].split()), "sentences": sentences}


def _inside(path: str) -> Path:
    """Resolve *path* against this folder, and refuse what lies outside of it."""
    resolved = (HERE / path).resolve()
    if not resolved.is_relative_to(HERE):
        raise ValueError(f"{path!r} is outside of the workflow's folder; copy the documents into it")
    return resolved


# ------------------------------------------------------------------------------------ sentences and words

_TYPOGRAPHY = str.maketrans({"`": "\u2018", "'": "\u2019"})
_NOTES = re.compile(r"\[(?:Illustration|Sidenote)[^\]]*\]|\[[A-Z]\]|^\s*• ", re.MULTILINE)
_MARKUP = re.compile(r"(?<!\w)_([^_]+)_(?!\w)|\{([^{}]*)\}")  # _emphasis_ and {cross-references}
_END = '[.!?…]+["\u2019\u201d)\\]]*'
_ENDS = re.compile(f"{_END}$")
_BOUNDARY = re.compile(f'{_END}(?=\\s+["\u2018\u201c(\\[]*[A-Z0-9])')
_ABBREVIATIONS = "Mr Mrs Dr St Jr Sr vs etc No Vol Ed Fig Prop Prob Theor Qu Obs Degr Gr Min"
_NO_BOUNDARY = re.compile(
    rf"(?:^|[\s(\[\u201c.])(?:[A-Z]|[IVXLC]+|{_ABBREVIATIONS.replace(' ', '|')})\.$|^(?:Qu\. |Query )?\d+\.$"
)
_FOREIGN = re.compile("[^\\w\\s.,;:!?…'\"()\\[\\]\u2018\u2019\u201c\u201d—-]|[\\d_]")
_QUOTES = re.compile("([\u2018\u201c])|([\u2019\u201d](?!\\w))")
_WORD = re.compile("[^\\W\\d_]+(?:[\u2019-][^\\W\\d_]+)*")

_STOP_WORDS = """
a about above accordingly after again against all almost alone along already also although always am among
an and another any anything are aren't as at away back be became because become becomes been before began
begin being below besides best better between both but by came can cannot can't certain come comes could
couldn't did didn't do does doesn't doing done don't doth down during each easily either else enough
especially even ever every everything exceedingly except farther few find first following for found from
further gave generally get give given go goes going gone good got great had hadn't has hasn't hath have
haven't having he her here hers herself him himself his how however i i'd if i'll i'm in indeed instead
into is isn't it it'd it'll it's its itself i've just knew know known last least less let like likewise
little long look looked looking made make makes making many may me mean means might mine more moreover
most much must my myself near nearly need neither never nevertheless next no nor not nothing now of off
often old on once one only onto or other others otherwise ought our ours ourselves out over own perhaps
put quite rather really said same saw say says see seem seemed seems seen several shall she should
shouldn't since so some something sometimes somewhat soon sort sorts still such suppose take taken taking
tell than that that's the thee their theirs them themselves then thence there thereby therefore therein
thereof these they they'd they're thing things think third this those thou though thought three through
thus thy time times tis to together told too took toward towards turned turning two under unless until
unto up upon us use used using usual usually very want wanted was wasn't way we well we'll went we're were
weren't we've what whatever when where whereas whereby wherein whereof whether which while who whole whom
whose why will with within without won't would wouldn't yet you you'd you'll your you're yours yourself
you've
"""
STOP_WORDS = frozenset(f"{_STOP_WORDS} {_ABBREVIATIONS}".lower().split())


def split_sentences(text: str) -> list[str]:
    """Cut the prose in *text* into sentences; headings, tables, logs and editors' marks are left out.

    A line break is a space, a blank line ends a paragraph. A paragraph is prose when it ends like a
    sentence or goes on in the next one, and has few digits and signs. Quotation marks become typographic ones.
    """
    plain = _MARKUP.sub(lambda match: match[1] or match[2], _NOTES.sub("", text.translate(_TYPOGRAPHY)))
    paragraphs: list[str] = []
    for block in re.split(r"\n\s*\n", plain):
        paragraph = " ".join(re.sub(r"-\n\s*", "-", block).split())
        if paragraphs and paragraph[:1].islower() and not _ENDS.search(paragraphs[-1]):
            paragraphs[-1] += f" {paragraph}"
        elif paragraph:
            paragraphs.append(paragraph)
    return [sentence for each in paragraphs if _is_prose(each) for sentence in _split_paragraph(each)]


def _is_prose(paragraph: str) -> bool:
    if not _WORD.search(paragraph):
        return False
    foreign = len(_FOREIGN.findall(paragraph))
    ends = _ENDS.search(paragraph) or paragraph.endswith((":", ";", ",", "—")) or len(paragraph) > 120
    return bool(ends) and not paragraph.isupper() and foreign < len(paragraph) / 10


def _split_paragraph(paragraph: str) -> list[str]:
    """Cut where a full stop is followed by a capital, unless it only ends an abbreviation or a number."""
    starts = [0]
    for boundary in _BOUNDARY.finditer(paragraph):
        if not _NO_BOUNDARY.search(paragraph[starts[-1] : boundary.end()]):
            starts.append(boundary.end() + 1)
    return [paragraph[start:end].strip() for start, end in pairwise([*starts, len(paragraph)])]


def words_of(text: str) -> list[str]:
    """All words in *text*, in lower case and with a plain apostrophe."""
    return [word.replace("\u2019", "'") for word in _WORD.findall(text.translate(_TYPOGRAPHY).lower())]


def terms_of(text: str) -> list[str]:
    """The words in *text* that carry meaning: no stop words, possessives or fragments."""
    words = (word.removesuffix("'s") for word in words_of(text))
    return [word for word in words if len(word) > 2 and word not in STOP_WORDS]


# ------------------------------------------------------------------------------------------- one document


def measure(document: Document) -> Statistics:
    """Count words and sentences, and say how hard the text is to read and how varied its words are.

    Reading ease: ``206.835 - 1.015 * words/sentences - 84.6 * syllables/words``. 90 is very easy, 60
    plain English, 30 hard, and long sentences take it below 0. R. Flesch, "A new readability yardstick",
    Journal of Applied Psychology 32 (1948).

    Variety: the share of different words in a window of 500, averaged over all windows, so that long
    texts are not at a disadvantage. M. Covington and J. McFall, "Cutting the Gordian knot: the
    moving-average type-token ratio", Journal of Quantitative Linguistics 17 (2010).
    """
    words = words_of(" ".join(document["sentences"]))
    per_sentence = len(words) / len(document["sentences"])
    per_word = sum(map(count_syllables, words)) / len(words)
    return {
        "name": document["name"],
        "title": document["title"],
        "words": len(words),
        "sentences": len(document["sentences"]),
        "words_per_sentence": round(per_sentence, 1),
        "reading_ease": round(206.835 - 1.015 * per_sentence - 84.6 * per_word, 1),
        "vocabulary": len(set(words)),
        "variety": round(_moving_variety(words), 3),
    }


def count_syllables(word: str) -> int:
    """Estimate the syllables of an English word: its groups of vowels, less a silent *e* or *ed*."""
    groups = len(re.findall(r"[aeiouyæœ]+", word))
    is_silent = re.search(r"[^aeiouylr]e$|[aeiouy][lr]e$|[^aeioudt]ed$|[^aeiouyscxzg]es$", word)
    return max(1, groups - bool(is_silent))


def _moving_variety(words: list[str], window: int = 500) -> float:
    size = min(window, len(words))
    counts = Counter(words[:size])
    distinct = [len(counts)]
    for leaving, entering in zip(words, words[size:], strict=False):
        counts[entering] += 1
        counts[leaving] -= 1
        if not counts[leaving]:
            del counts[leaving]
        distinct.append(len(counts))
    return sum(distinct) / len(distinct) / size


def count_terms(document: Document) -> TermCounts:
    """Count the terms of *document*."""
    counts = Counter(terms_of(" ".join(document["sentences"])))
    return {"name": document["name"], "counts": dict(sorted(counts.items()))}


def summarize(document: Document, count: int) -> list[str]:
    """Pick the *count* sentences that say most of what the others say, in the order of the text.

    TextRank: sentences are the nodes of a graph, the weight of an edge is the number of terms that two
    sentences share over the sum of the logarithms of their lengths, and a sentence is as important as
    its neighbours make it (PageRank with a damping of 0.85). R. Mihalcea and P. Tarau, "TextRank:
    bringing order into texts", EMNLP 2004. Only sentences of 8 to 45 words that
    cut no quotation in two can be picked, if there are any.
    """
    sentences = document["sentences"]
    ranks = _text_rank([frozenset(terms_of(sentence)) for sentence in sentences])
    fit = [place for place, sentence in enumerate(sentences) if _stands_alone(sentence)]
    best = sorted(fit or range(len(sentences)), key=lambda place: (-ranks[place], place))[: max(count, 1)]
    return [sentences[place] for place in sorted(best)]


def _stands_alone(sentence: str) -> bool:
    opened = 0
    for mark in _QUOTES.finditer(sentence):
        opened += 1 if mark[1] else -1
        if opened < 0:
            return False
    return 8 <= len(words_of(sentence)) <= 45 and opened == 0 and sentence.count('"') % 2 == 0


def _text_rank(sentences: list[frozenset[str]], damping: float = 0.85) -> list[float]:
    edges: list[list[tuple[int, float]]] = [[] for _ in sentences]
    for (i, first), (j, second) in combinations(enumerate(sentences), 2):
        if shared := len(first & second):
            weight = shared / (math.log(1 + len(first)) + math.log(1 + len(second)))
            edges[i].append((j, weight))
            edges[j].append((i, weight))
    totals = [math.fsum(weight for _, weight in neighbours) for neighbours in edges]
    ranks = [1.0] * len(sentences)
    for _ in range(50):
        ranks = [
            1 - damping + damping * math.fsum(ranks[j] * weight / totals[j] for j, weight in neighbours)
            for neighbours in edges
        ]
    return [round(rank, 9) for rank in ranks]


# ------------------------------------------------------------------------------------------ the documents


def build_corpus(counts: list[TermCounts]) -> Corpus:
    """Count plurals as their singulars where any document has both, and in how many each term occurs."""
    known = {term for each in counts for term in each["counts"]}
    merged: list[TermCounts] = []
    for each in counts:
        totals = Counter[str]()
        for term, count in each["counts"].items():
            totals[_singular(term, known)] += count
        merged.append({"name": each["name"], "counts": dict(sorted(totals.items()))})
    frequency = Counter(term for each in merged for term in each["counts"])
    return {"counts": merged, "frequency": dict(sorted(frequency.items())), "size": len(merged)}


def _singular(term: str, known: set[str]) -> str:
    """Reduce *term* by the rules of D. Harman, "How effective is suffixing?", JASIS 42 (1991)."""
    for plural, singular in ((r"ies$", "y"), (r"(ch|sh|ss|x)es$", r"\1"), (r"(?<=\w{2}[^us])s$", "")):
        if (shorter := re.sub(plural, singular, term)) != term and shorter in known:
            return shorter
    return term


def rank_terms(counts: TermCounts, size: int, frequency: dict[str, int], limit: int) -> list[KeyTerm]:
    """Find the *limit* terms that set one document apart from the others.

    TF-IDF, a term's frequency times its rarity: ``(1 + ln count) * (ln((1 + size) / (1 + documents)) + 1)``.
    K. Spärck Jones, "A statistical interpretation of term specificity and its application in
    retrieval", Journal of Documentation 28 (1972). A term that occurs once sets nothing apart.
    """
    weights = _weigh(counts, size, frequency)
    repeated = [term for term, count in counts["counts"].items() if count > 1] or list(weights)
    best = sorted(repeated, key=lambda term: (-weights[term], term))[: max(limit, 1)]
    return [{"term": term, "count": counts["counts"][term], "score": round(weights[term], 3)} for term in best]


def _weigh(counts: TermCounts, size: int, frequency: dict[str, int]) -> dict[str, float]:
    return {
        term: (1 + math.log(count)) * (math.log((1 + size) / (1 + frequency[term])) + 1)
        for term, count in counts["counts"].items()
    }


def compare(counts: list[TermCounts], size: int, frequency: dict[str, int]) -> list[Pair]:
    """Compare every two documents; the most alike come first, each with the terms that make it so.

    Cosine: the angle between the TF-IDF vectors. G. Salton, A. Wong and C. S. Yang, "A vector space
    model for automatic indexing", Communications of the ACM 18 (1975). Jaccard: shared terms over all
    terms. P. Jaccard, "The distribution of the flora in the alpine zone", New Phytologist 11 (1912).
    """
    vectors = [(each["name"], _weigh(each, size, frequency)) for each in counts]
    pairs = [_compare_two(*first, *second) for first, second in combinations(vectors, 2)]
    return sorted(pairs, key=lambda pair: (-pair["cosine"], pair["first"], pair["second"]))


def _compare_two(first: str, left: dict[str, float], second: str, right: dict[str, float]) -> Pair:
    products = {term: left[term] * right[term] for term in sorted(left.keys() & right.keys())}
    lengths = math.hypot(*left.values()) * math.hypot(*right.values())
    return {
        "first": first,
        "second": second,
        "cosine": round(math.fsum(products.values()) / lengths, 3) if lengths else 0.0,
        "jaccard": round(len(products) / max(len(left.keys() | right.keys()), 1), 3),
        "because": sorted(products, key=lambda term: (-products[term], term))[:4],
    }


def find_overlap(counts: list[TermCounts], frequency: dict[str, int]) -> Overlap:
    """Find the 12 terms that the most documents share, and the terms that each has to itself."""
    shared = sorted((-documents, term) for term, documents in frequency.items() if documents > 1)
    return {
        "shared": {term: -documents for documents, term in shared[:12]},
        "own": [_own_terms(each, frequency) for each in counts],
    }


def _own_terms(counts: TermCounts, frequency: dict[str, int]) -> Own:
    own = {term: count for term, count in counts["counts"].items() if frequency[term] == 1}
    return {
        "name": counts["name"],
        "terms": len(own),
        "share": round(len(own) / max(len(counts["counts"]), 1), 3),
        "most_frequent": sorted(own, key=lambda term: (-own[term], term))[:4],
    }


# --------------------------------------------------------------------------------------------- the report


def write_report(
    statistics: list[Statistics],
    key_terms: list[list[KeyTerm]],
    summaries: list[list[str]],
    pairs: list[Pair] | None,
    overlap: Overlap | None,
) -> str:
    """Write the report in Markdown; without *pairs* and *overlap* it has no comparison."""
    titles = {each["name"]: each["title"] for each in statistics}
    lines = [f"# Digest of {_count(len(titles), 'document')}", "", *_table_of(statistics), ""]
    if pairs and overlap:
        lines += ["## How they compare", "", *_comparison_of(pairs, overlap, titles), ""]
    lines += ["## The documents", ""]
    for figures, terms, sentences in zip(statistics, key_terms, summaries, strict=True):
        shown = ", ".join(f"**{each['term']}** ({each['count']})" for each in terms)
        quotes = [line for sentence in sentences for line in (f"> {sentence}", ">")][:-1]
        lines += [f"### {figures['title']}", "", f"Key terms: {shown}", "", *quotes, ""]
    return "\n".join(lines)


def _table_of(statistics: list[Statistics]) -> list[str]:
    rows = [
        f"| {each['title']} | {each['words']:,} | {each['sentences']:,} | {each['words_per_sentence']:.1f} "
        f"| {each['reading_ease']:.0f} ({_describe(each['reading_ease'])}) "
        f"| {each['vocabulary']:,} | {each['variety']:.0%} |"
        for each in statistics
    ]
    total = sum(each["words"] for each in statistics)
    easiest = max(statistics, key=lambda each: each["reading_ease"])
    hardest = min(statistics, key=lambda each: each["reading_ease"])
    return [
        f"{total:,} words. Easiest to read: *{easiest['title']}*. Hardest: *{hardest['title']}*.",
        "",
        "| Document | Words | Sentences | Words per sentence | Reading ease | Vocabulary | Variety |",
        "|---|--:|--:|--:|--:|--:|--:|",
        *rows,
    ]


def _describe(reading_ease: float) -> str:
    """Put Flesch's scale into his words, roughly."""
    grades = ((80, "easy"), (60, "plain"), (50, "fairly hard"), (30, "hard"))
    return next((word for least, word in grades if reading_ease >= least), "very hard")


def _comparison_of(pairs: list[Pair], overlap: Overlap, titles: dict[str, str]) -> list[str]:
    alike = [
        f"| {titles[pair['first']]} | {titles[pair['second']]} | {pair['cosine']:.2f} | {pair['jaccard']:.2f} "
        f"| {', '.join(pair['because'])} |"
        for pair in pairs[:5]
    ]
    own = [
        f"| {titles[each['name']]} | {each['terms']:,} | {each['share']:.0%} | {', '.join(each['most_frequent'])} |"
        for each in overlap["own"]
    ]
    shared = ", ".join(f"{term} ({documents})" for term, documents in overlap["shared"].items())
    apart = pairs[-1]
    return [
        "| Most alike | | Cosine | Jaccard | Because both say |",
        "|---|---|--:|--:|---|",
        *alike,
        "",
        f"Least alike: *{titles[apart['first']]}* and *{titles[apart['second']]}* ({apart['cosine']:.2f}).",
        "",
        f"Terms that the most documents share: {shared or 'none'}.",
        "",
        "| Only in this document | Terms | Share of its terms | Most often |",
        "|---|--:|--:|---|",
        *own,
    ]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
