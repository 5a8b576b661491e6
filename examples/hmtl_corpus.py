"""The corpus of ``hmtl.py``: short documents from a small grammar, labelled to the last word.

A document tells of two persons, two firms and two towns in three sentences.  Names are drawn
from one list for all of them, so that a word alone does not say what it names; later
mentions may be a part of the name, a noun ("the firm") or a pronoun, where it is plain
whom it means: the last one mentioned that it fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

PERSON, FIRM, TOWN = KINDS = ("person", "firm", "town")
RELATIONS = ("works for", "lives in", "based in")
BETWEEN = {(PERSON, FIRM): 0, (PERSON, TOWN): 1, (FIRM, TOWN): 2}
"""Which relation holds between two kinds, where a verb does not tell."""
LENGTH = 28
"""Words of the longest document."""

STOP = "."
NAMES = [
    a + b for a in "Ba Do Fe Ki Lu Mo Na Pe Ra So Ti Vu".split() for b in "ka len mir sto".split()
]
MARKS = {PERSON: ("Dr", ""), FIRM: ("", "Works"), TOWN: ("Port", "")}
NOUNS = {PERSON: "engineer", FIRM: "firm", TOWN: "town"}
PRONOUNS = (("she", "her"), ("he", "him"), ("it", "it"))
"""As subject and as object: of persons, of persons, of what is none."""
VERBS: list[tuple[str, set[tuple[str, str]], bool]] = [
    ("works for", {(PERSON, FIRM)}, True),
    ("founded", {(PERSON, FIRM)}, True),
    ("was born in", {(PERSON, TOWN)}, True),
    ("went to", {(PERSON, TOWN), (PERSON, FIRM), (FIRM, TOWN)}, True),
    ("stayed with", {(PERSON, FIRM), (PERSON, TOWN), (FIRM, TOWN)}, True),
    ("praised", {(PERSON, FIRM), (PERSON, TOWN), (FIRM, TOWN), (PERSON, PERSON)}, False),
    ("left", {(PERSON, FIRM), (PERSON, TOWN), (FIRM, TOWN)}, False),
    ("knows", {(PERSON, PERSON), (PERSON, FIRM), (PERSON, TOWN)}, False),
    ("sued", {(FIRM, FIRM), (PERSON, FIRM)}, False),
]
"""Words between subject and object, the kinds that they may have, and whether they relate them."""
BEFORE = ("", "yesterday", "in spring", "they say that")


class Mention(NamedTuple):
    """Words ``start`` to ``end``, the last one included, that mean an entity of a kind."""

    start: int
    end: int
    kind: str
    entity: int
    named: bool


@dataclass
class Document:
    """Words, and all that is to be found out about them.

    Attributes
    ----------
    words : list of str
    mentions : list of Mention
        In the order of the text.
    relations : list of (int, int, int)
        Number of the relation, and of two mentions.
    """

    words: list[str] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)
    relations: list[tuple[int, int, int]] = field(default_factory=list)


@dataclass
class Entity:
    """Somebody or something that a document tells of."""

    kind: str
    name: list[str]
    pronouns: tuple[str, str]


def cast_of(rng: np.random.Generator) -> list[Entity]:
    """Two of each kind, no word in two names."""
    words = list(rng.permutation(NAMES))
    found = []
    for kind in KINDS:
        for _ in range(2):
            name = [str(words.pop()) for _ in range(1 if kind == TOWN else 1 + rng.integers(2))]
            pronouns = PRONOUNS[rng.integers(2)] if kind == PERSON else PRONOUNS[2]
            found.append(Entity(kind, name, pronouns))
    return found


def called(
    number: int, place: int, cast: Sequence[Entity], told: list[int], rng: np.random.Generator
) -> tuple[list[str], bool]:
    """What an entity is called now, and whether by its name.

    ``place`` is 0 for the subject and 1 for the object, ``told`` are those mentioned so far.
    """
    who = cast[number]
    before, after = MARKS[who.kind]
    if number in told:
        last = told[::-1]
        choices = [who.name[-1:] if who.kind == PERSON else who.name[:1]]
        if next(i for i in last if cast[i].kind == who.kind) == number:
            choices += [["the", NOUNS[who.kind]]] * 2
        if next(i for i in last if (cast[i].kind == PERSON) == (who.kind == PERSON)) == number:
            choices += [[who.pronouns[place]]] * 2
        i = int(rng.integers(len(choices)))
        return choices[i], i == 0
    marked = rng.random() < 0.3
    words = [*([before] * marked), *who.name, *([after] * marked)]
    return [w for w in words if w], True


def document(rng: np.random.Generator, sentences: int = 3) -> Document:
    """One at random, of at most `LENGTH` words."""
    doc, cast, told = Document(), cast_of(rng), list[int]()
    for _ in range(sentences):
        verb, kinds, relates = VERBS[rng.integers(len(VERBS))]
        pairs = sorted(kinds)
        of = pairs[rng.integers(len(pairs))]
        pair: list[int] = []
        for kind in of:
            those = [i for i, e in enumerate(cast) if e.kind == kind and i not in pair]
            again = [i for i in those if i in told]
            pair.append(int(rng.choice(again if again and rng.random() < 0.7 else those)))
        doc.words += BEFORE[rng.integers(len(BEFORE))].split()
        for place, (number, after) in enumerate(zip(pair, (verb.split(), [STOP]))):
            words, named = called(number, place, cast, told, rng)
            start, kind = len(doc.words), cast[number].kind
            doc.mentions.append(Mention(start, start + len(words) - 1, kind, number, named))
            doc.words += [*words, *after]
            told.append(number)
        if relates:
            last = len(doc.mentions) - 1
            doc.relations.append((BETWEEN[of], last - 1, last))
    return doc if len(doc.words) <= LENGTH else document(rng, sentences)


PHRASES = (STOP, "the", *NAMES, *NOUNS.values(), *BEFORE, *(verb for verb, _, _ in VERBS))
PHRASES += tuple(word for pair in (*PRONOUNS, *MARKS.values()) for word in pair)
VOCABULARY = sorted({word for phrase in PHRASES for word in phrase.split()})
NUMBER = {word: i + 1 for i, word in enumerate(VOCABULARY)}
"""Words as numbers; 0 is for what lies behind the end."""
TAGS = ["O", *(f"{b}-{k}" for k in KINDS for b in "BI")]


class Labels(NamedTuple):
    """A set of documents as arrays, n documents of `LENGTH` words.

    Attributes
    ----------
    words : (n, length) integers
    entities, mentions : (n, length) integers
        `TAGS`: outside, the beginning of a kind, its further words; names only, or all mentions.
    links : (n, length, length) boolean
        ``[i, j]``: the mention that ends at j < i means the same as the one that ends at i.
    relations : (n, length, length, relations) boolean
        From the last word of one mention to that of the other.
    news : (n, length) integers
        At the last word of a mention 1 if the entity is new and 2 if it was known; else 0.
    """

    words: np.ndarray
    entities: np.ndarray
    mentions: np.ndarray
    links: np.ndarray
    relations: np.ndarray
    news: np.ndarray


def labels_of(docs: Sequence[Document]) -> Labels:
    """Documents as arrays."""
    n = len(docs)
    flat = [np.zeros((n, LENGTH), np.int64) for _ in range(4)]
    words, entities, mentions, news = flat
    links = np.zeros((n, LENGTH, LENGTH), bool)
    relations = np.zeros((n, LENGTH, LENGTH, len(RELATIONS)), bool)
    for d, doc in enumerate(docs):
        words[d, : len(doc.words)] = [NUMBER[w] for w in doc.words]
        known: dict[int, list[int]] = {}
        for m in doc.mentions:
            for tags in [entities, mentions] if m.named else [mentions]:
                tags[d, m.start : m.end + 1] = TAGS.index(f"I-{m.kind}")
                tags[d, m.start] = TAGS.index(f"B-{m.kind}")
            before = known.setdefault(m.entity, [])
            links[d, m.end, before] = True
            news[d, m.end] = 2 if before else 1
            before.append(m.end)
        for r, head, tail in doc.relations:
            relations[d, doc.mentions[head].end, doc.mentions[tail].end, r] = True
    return Labels(words, entities, mentions, links, relations, news)


def corpus(n: int, rng: np.random.Generator) -> Labels:
    """``n`` documents at random."""
    return labels_of([document(rng) for _ in range(n)])
