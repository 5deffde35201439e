"""The authorization server under a grammar of OAuth gone wrong: it answers, it says why, and it says nothing else."""

from __future__ import annotations

from hypothesis import event, given, note

from . import grammar, oauth_stage, oauth_words, properties, stage

Chosen = tuple[grammar.Request, list[grammar.Named]]


@stage.budget(short=150, long=60_000)
@given(chosen=grammar.requests(oauth_words.GOOD, oauth_words.WORDS))
def test_whatever_is_sent_gets_an_answer_that_means_what_it_says(
    oauth: oauth_stage.OAuthStage, chosen: Chosen
) -> None:
    note(grammar.described(chosen))
    sent, answer = oauth.send(chosen)
    note(f"{sent}\n{answer}")
    event(f"{sent.path} {answer.status}"[:80])
    properties.served(answer)
    properties.keeps_secrets(sent, answer, oauth.secrets)
    properties.oauth_shape(sent, answer)
