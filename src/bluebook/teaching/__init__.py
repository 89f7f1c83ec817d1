"""The teaching loop: a lesson, a rebuild, an exam, a judgement, a commit, and again."""
