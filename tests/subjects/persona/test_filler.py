"""Filler goes; whatever means something stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook.subjects.persona.filler import has_filler, is_boilerplate, strip_filler
from bluebook.subjects.persona.sentences import trim

MEANT = [
    "You're welcome! I'm always happy to help.",
    "Tell me the street, and I'll be happy to help you further.",
    "Certainly not.",
    "Certainly not, we agreed on Thursday.",
    "Of course not!",
    "Of course he did.",
    "Of course the answer is no",
    "Sure enough, the key turned.",
    "Sure as rain.",
    "Surely you jest.",
    "Sure-footed as a goat.",
    "Software is fun.",
    "So it goes.",
    "So be it.",
    "Soon.",
    "Okinawa is warm.",
    "Okay then, we go.",
    "Okay.",
    "OK Computer is my favourite.",
    "Alright then.",
    "Alrighty.",
    "As an aide she served.",
    "As an airman I flew.",
    "As an AI researcher, I publish papers.",
    "As an AIDS nurse she worked nights.",
    "As an artist I paint.",
    "As a model citizen, he votes.",
    "Certainly the best pie.",
    "Absolutely not.",
    "Absolutely everyone came.",
    "Absolutely fabulous is a show.",
    "Great questions deserve time.",
    "Great Question Mark is a band.",
    "I hope this helps the roses.",
    "I hope this finds you well.",
    "I hope so.",
    "Let me think about it overnight.",
    "Let me start the car.",
    "Let me start by saying hello to Ana.",
    "Let me know when you land.",
    "Let me know if you see Marta.",
    "Let me know if you have any questions about the lease.",
    "Feel free to ask Marta.",
    "Feel free to take the blue one.",
    "Is there anything else in the box?",
    "Is there anything left?",
    "I'm just here for the cake.",
    "I'm just here to help my sister move.",
    "I'm just tired.",
    "I'm here for you.",
    "I'm happy to help Ana carry it.",
    "Here's what happened at the harbour: nothing.",
    "Here's to you.",
    "If you have any bread, bring it.",
    "Don't hesitate at the door.",
    "Thanks for asking!",
    "Please note the time.",
    "Sure, sir.",
    "Of course, madam.",
    "Certainly, dear.",
    "Okay, so far so good.",
    'He said, "Certainly! Come in."',
    "“Of course!” she said.",
    "Did he come? Certainly! He stayed.",
    "She asked a great question.",
    "That is a good question of taste.",
    "I would be happy to show you around.",
    "Can I help you with the bags?",
    "How can I help you today?",
    "I can't help it.",
    "The AI, as an idea, is old.",
    "He worked as an AI engineer, mostly.",
    "Let me explain the rules of chess.",
    "Let me help you up.",
    "You can ask anything you like of me.",
    "So do I. I have another brother.",
    "Sure I do.",
    "Sure beats working.",
    "Sure? I am.",
    "Right, so?",
    "Okay, so what?",
    "It's okay, so don't worry.",
    "Assistance came late.",
    "Certainly.",
    "Of course!",
    "Sure!",
    "I hope this helps!",
    "Is there anything else I can help you with?",
    "Great question!",
    "Questions, questions.",
    "Absolutely gorgeous!",
    "Feel free!",
    "Let me in!",
    "Let me think twice.",
    "As an AI-themed party it was dull.",
    "Certainty is rare.",
    "Certainly-known facts bore me.",
    "Of courses there were five.",
    "Anything else I can carry?",
]

FILLED = [
    ("Being an AI, I would take red.", "I would take red."),
    ("While I'm just an AI, it is red.", "It is red."),
    ("It's important to note that it is red.", "It is red."),
    ("It is red. I hope you find this helpful!", "It is red."),
    ("It is red. Let me know how else I can help.", "It is red."),
    ("It is red. I am an AI and cannot verify this.", "It is red."),
    ("It is red. Remember, I'm just an AI.", "It is red."),
    ("Certainly! The key is red.", "The key is red."),
    ("certainly, the key is red.", "the key is red."),
    ("Of course, the key is red.", "The key is red."),
    ("Of course — the key is red.", "The key is red."),
    ("Absolutely. the key is red", "The key is red"),
    ("Sure thing! It is red.", "It is red."),
    ("Sure! It is red.", "It is red."),
    ("Sure, I can. It is red.", "I can. It is red."),
    ("SURE, it is red.", "It is red."),
    ("Okay, so it is red.", "It is red."),
    ("Ok so it is red.", "It is red."),
    ("Alright, so, it is red.", "It is red."),
    ("Right, so it is red.", "It is red."),
    ("Great question! It is red.", "It is red."),
    ("That's a great question. It is red.", "It is red."),
    ("What a fascinating question! It is red.", "It is red."),
    ("That’s a really good question! It is red.", "It is red."),
    ("As an AI language model, I can tell you that it is red.", "It is red."),
    ("As an AI, it is red.", "It is red."),
    ("As an AI assistant, I would take red.", "I would take red."),
    ("As a language model, I cannot see colours, but red it is.", "Red it is."),
    ("As a large language model trained by Acme, I think red.", "I think red."),
    ("As an artificial intelligence, I don't eat, but red apples are nice.", "Red apples are nice."),
    ("I’m just an AI, but it is red.", "It is red."),
    ("I am only an AI language model, but it is red.", "It is red."),
    ("I'm just here to help, but it is red.", "It is red."),
    ("I'm just an AI. It is red.", "It is red."),
    ("It is red. I'm just an AI language model.", "It is red."),
    ("Here's what I found: it is red.", "It is red."),
    ("Here is what I came up with: it is red.", "It is red."),
    ("Here’s my answer: red.", "Red."),
    ("Let me think... It is red.", "It is red."),
    ("Let me think for a moment. It is red.", "It is red."),
    ("Hmm, let me think… it is red.", "It is red."),
    ("Let me start by saying that it is red.", "It is red."),
    ("First, let me begin by noting that it is red.", "It is red."),
    ("I'd be happy to help with that! It is red.", "It is red."),
    ("Of course! I'd be happy to help with that. It is red.", "It is red."),
    ("Certainly, I would be glad to help you with that. It is red.", "It is red."),
    ("Happy to help! It is red.", "It is red."),
    ("It is red. I hope this helps!", "It is red."),
    ("It is red. Hope that helps.", "It is red."),
    ("It is red. I hope this was helpful!", "It is red."),
    ("It is red. I hope this answers your question.", "It is red."),
    ("It is red. Let me know if you have any other questions.", "It is red."),
    ("It is red. Please let me know if you need anything else!", "It is red."),
    ("It is red. Let me know if there's anything else I can help you with.", "It is red."),
    ("It is red. Just let me know if you have any questions or concerns.", "It is red."),
    ("It is red. Let me know if I can help with anything else.", "It is red."),
    ("It is red. Feel free to ask if you need anything else!", "It is red."),
    ("It is red. Feel free to ask me anything.", "It is red."),
    ("It is red. Please feel free to reach out if you have further questions.", "It is red."),
    ("It is red. Don't hesitate to ask if you need more help.", "It is red."),
    ("It is red. Please do not hesitate to contact me.", "It is red."),
    ("It is red. Is there anything else I can help you with today?", "It is red."),
    ("It is red. Is there anything else I can assist you with?", "It is red."),
    ("It is red. Can I help you with anything else today?", "It is red."),
    ("It is red. How else can I help you today?", "It is red."),
    ("It is red. What else can I do for you?", "It is red."),
    ("It is red. Is there anything else you would like to know?", "It is red."),
    ("It is red. If you have any other questions, feel free to ask!", "It is red."),
    ("It is red. If you need anything else, just let me know.", "It is red."),
    ("It is red. Should you have any further questions, please don't hesitate to ask.", "It is red."),
    ("It is red. I'm here to help!", "It is red."),
    ("It is red. I'm always here to help you.", "It is red."),
    ("It is red. I am here to help if you need anything else.", "It is red."),
    ("It is red. Please note that as an AI I cannot verify this.", "It is red."),
    ("It is red. As an AI, I cannot verify this.", "It is red."),
    (
        "It is red. However, as an AI language model, I don't have personal opinions. It is big.",
        "It is red. It is big.",
    ),
    ("It is red. As an AI, I would add that it is big.", "It is red. It is big."),
    ("It is red. Great question! It is big.", "It is red. It is big."),
    ("It is red. Of course! It is big.", "It is red. It is big."),
    ("I think, as an AI, it is red.", "I think, it is red."),
    (
        "Certainly! Of course! Sure, let me think... It is red. I hope this helps! Feel free to ask.",
        "It is red.",
    ),
    ("Certainly!\n\nIt is red.", "It is red."),
    ("It is red.\n\nI hope this helps!\n", "It is red."),
    ("It is red\nI hope this helps!", "It is red"),
    ("It is red I hope this helps!", "It is red"),
    ("CERTAINLY! AS AN AI LANGUAGE MODEL, I CAN TELL YOU THAT it is red.", "It is red."),
    ("Certainly! iPhone cases are red.", "iPhone cases are red."),
    ('Sure. "it" is red.', '"It" is red.'),
    ("😊 Certainly! It is red.", "It is red."),
    ("Thank you for your question! It is red.", "It is red."),
    ("Thanks for reaching out! It is red.", "It is red."),
    ("Absolutely! I'd love to help you with that. It is red.", "It is red."),
    ("Certainly! Here's a list:\n- red\n- blue", "Here's a list:\n- red\n- blue"),
    ("Let me explain. It is red.", "It is red."),
    ("Let me break it down for you. It is red.", "It is red."),
]


@pytest.mark.parametrize("text", MEANT)
def test_what_means_something_stays(text: str) -> None:
    assert strip_filler(text) == text
    assert not has_filler(text)


@pytest.mark.parametrize(("text", "wanted"), FILLED)
def test_filler_goes(text: str, wanted: str) -> None:
    assert has_filler(text)
    assert strip_filler(text) == wanted
    assert not has_filler(wanted)


@pytest.mark.parametrize(("text", "wanted"), FILLED)
def test_curly_quotes_and_case_make_no_difference(text: str, wanted: str) -> None:
    assert strip_filler(text.replace("'", "’")).casefold() == wanted.replace("'", "’").casefold()
    if text[:11] != "It is red I":  # the capital alone shows that a sentence begins
        assert strip_filler(text.upper()).casefold() == wanted.casefold()


def test_a_sentence_of_boilerplate_is_known_as_such() -> None:
    assert is_boilerplate("I hope this helps!")
    assert not is_boilerplate("I hope this helps the roses.")


_PIECES = st.sampled_from(
    [text for text, _ in FILLED]
    + MEANT
    + ["It is red.", "no", " ", "\n\n", "?", "! ", ", ", "...", "’", '"', "1. "]
)
_TEXTS = st.lists(_PIECES | st.text(max_size=5), max_size=6).map(" ".join)


@given(_TEXTS)
def test_stripping_is_idempotent_never_longer_and_never_empties(text: str) -> None:
    stripped = strip_filler(text)
    assert strip_filler(stripped) == stripped
    assert not has_filler(stripped)
    assert len(stripped) <= len(text)
    assert bool(stripped.strip()) == bool(text.strip())


@given(_TEXTS, st.integers(1, 4), st.integers(1, 30))
def test_a_trimmed_reply_has_no_filler_either(text: str, most: int, words: int) -> None:
    trimmed = trim(strip_filler(text), max_sentences=most, max_words=120, prefer_words=words)
    assert not has_filler(trimmed)
