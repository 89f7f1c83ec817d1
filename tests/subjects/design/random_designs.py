"""Random designs for properties: programs built of what the notation can say."""

from __future__ import annotations

from hypothesis import strategies as st

from bluebook.subjects.design import program as ast
from bluebook.subjects.design.reading import STEPS
from bluebook.subjects.design.thinking import HEADINGS

# Words that begin something else where they stand: names of other things keep away from them.
_WORDS = {"if", "for", "while", "function", "return", "break", "continue", "else", "found", "in"} | set(STEPS)

names = st.from_regex(r"[a-z][A-Za-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name not in _WORDS | {"true", "false", "null"}
)
kinds = st.sampled_from(["Service", "Type", "Data", "Operation", "Behavior", "Widget"])
titles = st.from_regex(r"[A-Z][a-z0-9_]{1,8}", fullmatch=True).filter(lambda name: name not in _WORDS)
plain_words = st.lists(
    st.from_regex(r"[a-z]{1,6}", fullmatch=True).filter(lambda w: w not in _WORDS), min_size=2, max_size=5
).map(" ".join)
texts = st.text(
    st.characters(codec="utf-8", exclude_characters='"\\\n\r\0', exclude_categories=("Cs", "Cc", "Zl", "Zp")),
    max_size=12,
).map(ast.Text)
numbers = st.from_regex(r"-?[0-9]{1,4}(\.[0-9]{1,3})?", fullmatch=True).map(ast.Literal)
literals = numbers | st.sampled_from(["true", "false", "null"]).map(ast.Literal)
expressions = st.tuples(names, st.sampled_from(["+", "*", "||", "<="]), names).map(
    lambda e: ast.Expression(" ".join(e))
) | names.map(lambda n: ast.Expression(f"{n}()"))

_named = st.builds(ast.Named, titles | st.sampled_from(["string", "int", "param.id"]))


def _more_types(inner: st.SearchStrategy[ast.Type]) -> st.SearchStrategy[ast.Type]:
    single = inner.filter(lambda kind: not isinstance(kind, ast.Union))
    return st.one_of(
        st.builds(
            ast.Named,
            st.sampled_from(["map", "set", "Page"]),
            st.lists(inner, min_size=1, max_size=2).map(tuple),
        ),
        st.builds(ast.Array, single),
        st.builds(ast.Optional, single),
        st.lists(single, min_size=2, max_size=3).map(lambda options: ast.Union(tuple(options))),
    )


types = st.recursive(_named, _more_types, max_leaves=4)
# A word alone in a list is prose; what begins like a number, a string or a method is none.
prose = plain_words.map(ast.Prose) | st.tuples(plain_words, plain_words).map(
    lambda two: ast.Prose(f"{two[0]} -> {two[1]}")
)
paths = st.from_regex(r"[a-z]{1,5}/[a-z]{1,5}\.bp", fullmatch=True)
found = st.builds(ast.Found, paths, titles)


def unique(members: st.SearchStrategy[ast.Member]) -> st.SearchStrategy[tuple[ast.Member, ...]]:
    return st.lists(members, max_size=4).map(tuple)


def _more_values(inner: st.SearchStrategy[ast.Value]) -> st.SearchStrategy[ast.Value]:
    items = prose | texts | literals | inner.filter(lambda value: isinstance(value, ast.Object | ast.List))
    return st.one_of(
        unique(st.builds(ast.Field, names, inner)).map(ast.Object),
        st.lists(items, max_size=4).map(lambda found: ast.List(tuple(found))),
    )


values = st.recursive(texts | literals | expressions | types | found, _more_values, max_leaves=6)
fields = st.builds(
    ast.Field, names | st.sampled_from(["preconditions", "errors", "x-y"]), values, st.booleans()
)
parameters = st.builds(ast.Parameter, names, st.none() | types, st.none() | names, st.booleans())
contracts = st.builds(
    ast.Field,
    st.sampled_from(["preconditions", "postconditions", "errors"]),
    st.lists(prose, max_size=3).map(lambda found: ast.List(tuple(found))),
)
method_bodies = st.lists(contracts | plain_words.map(lambda words: ast.Line(f'"{words}"')), max_size=3).map(
    tuple
)
parameter_lists = st.lists(parameters, max_size=3).map(tuple)
generics = st.sampled_from([(), (ast.Named("T"),), (ast.Named("K"), ast.Named("V"))])
element_methods = st.builds(
    ast.Method, names, parameter_lists, st.none() | types, st.none() | method_bodies, generics
)
steps = st.builds(ast.Step, st.sampled_from(STEPS), plain_words)
lines = plain_words.map(ast.Line)
scenes = st.builds(
    ast.Element,
    st.sampled_from(["Scenario", "Test"]),
    names | st.tuples(names, names).map(" ".join),
    st.lists(contracts | steps | lines, max_size=4).map(tuple),
)
statements = st.tuples(names, st.sampled_from(["=", "+="]), expressions).map(
    lambda s: ast.Statement(f"{s[0]} {s[1]} {s[2].text}")
) | names.map(lambda name: ast.Statement(f"{name}(1, x)"))


def _more_code(inner: st.SearchStrategy[ast.Member]) -> st.SearchStrategy[ast.Member]:
    blocks = st.lists(inner, max_size=2).map(tuple)
    branches = st.lists(st.builds(ast.Branch, names, blocks), max_size=2).map(tuple)
    return st.one_of(
        st.builds(ast.Flow, st.just("if"), names, blocks, branches, st.none() | blocks),
        st.builds(ast.Flow, st.just("while"), names, blocks),
        st.builds(ast.Flow, st.just("for"), st.tuples(names, names).map(" in ".join), blocks),
        st.builds(ast.Flow, st.just("function"), names.map(lambda name: f"{name}(a, b)"), blocks),
    )


code = st.recursive(statements, _more_code, max_leaves=5)


def _more_elements(inner: st.SearchStrategy[ast.Element]) -> st.SearchStrategy[ast.Element]:
    members = st.lists(fields | element_methods | inner | found, max_size=4).map(tuple)
    return st.builds(ast.Element, kinds, titles, members, st.none() | titles, generics)


relationships = st.builds(
    ast.Element,
    st.just("Relationships"),
    st.just("") | titles,
    st.lists(
        st.builds(ast.Element, st.just(""), titles, unique(st.builds(ast.Field, names, texts))), max_size=2
    ).map(tuple),
)
design_elements = st.recursive(
    st.builds(ast.Element, kinds, titles, unique(fields | element_methods)) | scenes | relationships,
    _more_elements,
    max_leaves=4,
)
points = st.from_regex(r"[A-Za-z][a-z ]{0,20}[a-z]", fullmatch=True).map(
    lambda words: " ".join(words.split())
)
sections = st.builds(ast.Section, st.sampled_from(HEADINGS), st.lists(points, max_size=3).map(tuple))
thinking = st.none() | st.just(()) | st.lists(sections, min_size=1, max_size=3).map(tuple)
programs = st.builds(
    ast.Program, st.lists(design_elements | code | found, min_size=1, max_size=4).map(tuple), thinking
)
