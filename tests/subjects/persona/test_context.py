"""Pasted context goes and the user's words stay, byte for byte; pairs that point at other turns are known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook.subjects.persona.context import leans_on_context, strip_injected

BLOCKS = [
    "[Context: the boat, [sic] and the sea]\n\n",
    "[CONTEXT] the boat\n\n",
    "[Memory: she hates coriander]\n",
    "[Relevant memories:\n- a\n- b]\n\n",
    "[System: You are Ola's twin.]\n",
    "<context>\nabc\n\ndef\n</context>\n",
    "<retrieved_memories>\n- a\n</retrieved_memories>\n\n",
    "<system>You are a twin.</system>\n",
    "<system-reminder>be kind</system-reminder>\n",
    "<user_profile>\nname\n</user_profile>\n",
    '<memory id="3">x</memory>',
    "## Context\n- a\n- b\n\n",
    "## USER PROFILE\nName: Ola\n\n",
    "### System\nYou are Ola.\n\n",
    "### Relevant Memories\n\n- a\n- b\n\n",
    "# System Prompt:\nSpeak softly.\n\n",
    "Relevant memories:\n- a\n- b\n\n",
    "Retrieved context:\n1. a\n2. b\n\n",
    "Here are some relevant memories:\n- a\n\n",
    "Conversation history:\nUser: a\nAssistant: b\n\n",
    "Context:\n- a\n- b\n\n",
    "Memories:\n* a\n\n",
    "**Background information:**\n- a\n\n",
    "System: You are Ola's digital twin. Speak simply.\n\n",
    "System prompt: You are Ola.\n\n",
    "You are Ola's digital personality extension.\nSpeak in first person.\n\n",
    "You are a helpful AI assistant.\n\n",
    "<<SYS>>\nYou are Ola.\n<</SYS>>\n\n",
    "[Context: a]\n\n## USER PROFILE\nx\n\nRelevant memories:\n- m\n\n",
    "Relevant memories:\n- a\n\nUser message: ",
    "[Context: a]\n---\n",
    "Relevant memories:\n- a\n\nUser: ",
    "## Context\n- a\n\n## User message\n",
    "Known facts about the user:\n- a\n- b\n\n",
    "User profile:\nName: Ola\nAge: 9\n\n",
    "SYSTEM: You are Ola.\n\n",
    "Previous conversation:\n> a\n\nCurrent message: ",
    "<instructions>Be brief.</instructions>\n",
    "Retrieved documents:\n[1] abc\n[2] def\n\nQuestion: ",
]

OWN_WORDS = [
    "Context: my sister is visiting.\n\nWhat should I cook?",
    "Memories are strange.\n\nDo you have any?",
    "[laughs] no",
    "Context matters, I think.",
    "System: Windows 11. It is slow.",
    "<user>: hi",
    "<thought> rain <world> sea",
    "<instruction>: water the plants.",
    "## My day\nIt rained.\n\nAnd then?",
    "You are right.\n\nLet us go.",
    "You are a good friend.\n\nThank you.",
    "The system is down.\n\nHelp.",
    "History: I love it.\n\nDo you?",
    "User: hi",
    "Notes:\n- milk\n- eggs\n\nWhat else?",
    "Relevant memories: I have none.",
    "Some memories fade.\nSome do not.",
    "<b>bold</b> move",
    "#context is a tag",
    "# Shopping\n- milk",
    "- a\n- b",
    "Me: call Ana",
    "[12:30] Ana: hi",
    "The context of this:\nI was late.",
    "Recent events:\nI moved.\n\nWhat now?",
    "My memories:\nI was six.\n\nWhat do you think?",
]

LEANING = [
    ("What about the second one?", "The blue one."),
    ("And the other one?", "It is red."),
    ("the first", "Good choice."),
    ("Who was he again?", "The baker."),
    ("and the third one you mentioned?", "Red."),
    ("Can you repeat that?", "I said red."),
    ("Do the same for the others", "Done."),
    ("Which one again?", "The red one."),
    ("Why?", "Because of what you told me earlier."),
    ("Tell me more", "As I mentioned before, the boat leaks."),
    ("Is it good?", "Like I said earlier, yes."),
    ("hm", "As noted above, it is closed."),
    ("And?", "See my previous message."),
    ("Which is cheaper?", "The second option you listed above."),
    ("What did you mean by your last message?", "That I am tired."),
    ("What was the name of the book you mentioned?", "Dune."),
    ("Number two, please.", "Good choice."),
    ("option b", "Good choice."),
    ("what about the last two?", "Gone."),
    ("Ok, same for Tuesday", "Done."),
    ("do it again", "Done."),
    ("Fix it as we discussed earlier", "Fixed."),
    ("And him?", "He stays."),
    ("the latter", "Good."),
    ("I'll take the second one.", "Great."),
    ("As you said above, rain is wet. Why?", "It is."),
    ("Explain that again please", "Sure, rain is wet."),
]

STANDING = [
    ("Fine, next.", "Tea."),
    ("Last!", "Never mind."),
    ("Why?", "Because I like it."),
    ("What about you?", "I like tea."),
    ("Is she nice?", "She is."),
    ("I said no.", "Fine."),
    ("He mentioned a dog.", "I love dogs."),
    ("What did you say to her?", "Nothing much."),
    ("Do you like it?", "I do, I saw it before."),
    ("How about the weather?", "Above zero."),
    ("I finished first.", "Well done!"),
    ("She was second.", "Nice."),
    ("It happened a while ago.", "I see."),
    ("My first question is about tea.", "Ask away."),
    ("What is the second law of motion?", "F = ma."),
    ("I told you.", "You did."),
    ("Really?", "Yes, I have been there before."),
    ("What is your last name?", "Kowal."),
    ("Nothing", "Ok then."),
    ("No", "Why not?"),
    ("I have met her before.", "Where?"),
    ("The last one was the best.", "I agree, the last movie was great."),
    ("What was your first job?", "A baker."),
    ("It is as good as the last one.", "I liked the last one better."),
    ("They were great, as I said to Ana.", "Ha."),
    ("You already know.", "I do."),
    ("Which one is your favorite?", "The first one, no doubt."),
    ("my last answer was wrong in the test", "Oh no."),
    ("I like the other one.", "Me too."),
    ("She said it was above the door.", "It is above the door."),
    ("That is it", "Good."),
]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(
    "said", ["Do you like rain?\nI do.  ", '"Well," - 3 cups [of tea]?', "<thought> rain"]
)
def test_a_pasted_block_goes_and_the_words_stay(block: str, said: str) -> None:
    assert strip_injected(block + said) == said
    assert strip_injected(said) == said


@pytest.mark.parametrize("text", OWN_WORDS)
def test_own_words_stay(text: str) -> None:
    assert strip_injected(text) == text


def test_nothing_but_context_leaves_nothing() -> None:
    assert strip_injected("[Context: the boat]\n\n") == ""


@given(st.lists(st.sampled_from(BLOCKS), max_size=3), st.text())
def test_what_is_left_is_the_end_of_the_text(blocks: list[str], said: str) -> None:
    text = "".join(blocks) + said
    assert text.endswith(strip_injected(text))


@given(st.text(alphabet=st.characters(exclude_characters="[<#*_=-:\n")))
def test_plain_text_is_untouched(text: str) -> None:
    assert strip_injected(text) == text


@pytest.mark.parametrize(("user", "assistant"), LEANING)
def test_a_pair_that_points_at_other_turns_leans(user: str, assistant: str) -> None:
    assert leans_on_context(user, assistant)
    assert leans_on_context(user.upper(), assistant.upper())


@pytest.mark.parametrize(("user", "assistant"), STANDING)
def test_ordinary_chat_does_not_lean(user: str, assistant: str) -> None:
    assert not leans_on_context(user, assistant)
