"""Word lists of spoken English, for finding where sentences end."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PRONOUNS = _words("i you we they he she it")
"""Subjects that nearly always begin a clause."""

DETERMINERS = _words("the a an my your his her our their its this that these those some every each another")

POINTERS = _words("that this there these those here nobody everybody everyone somebody nothing everything")
"""Words that a verb makes subjects."""

SUBJECTS = PRONOUNS | DETERMINERS | _words("there anyone anybody somebody someone everyone everybody")
"""What follows the auxiliary of a question."""

AUXILIARIES = _words(
    "am is are was were do does did have has had can could will would shall should may might must isn't aren't "
    "wasn't weren't don't doesn't didn't haven't hasn't hadn't can't couldn't won't wouldn't shouldn't cannot"
)

QUESTION_WORDS = _words("what who whose how why where when which")

ANSWERS = _words(
    "hello hi hey yes yeah yep yup okay ok alright oh wow bye goodbye thanks sure certainly absolutely exactly "
    "perfect excellent great lovely fantastic brilliant right sorry well actually hmm ah good fine"
)
"""Words that can be a whole sentence."""

HAILS = _words(
    "hello hi hey yes yeah yep yup okay ok alright oh wow bye goodbye thanks hmm ah certainly excellent well"
)
"""Those of them that hardly ever stand inside one."""

PHRASES = frozenset(
    {
        *("thank you", "good morning", "good afternoon", "good evening", "good night", "of course", "excuse me"),
        *("not yet", "not really", "not at", "no problem", "no worries", "let me", "i see", "go ahead", "see you"),
        *("my name", "have a", "all right", "you're welcome", "please hold", "hold on", "one moment", "wait a"),
    }
)
"""Pairs of words that begin a sentence wherever they can."""

STANDING = frozenset(
    {"let me see", "let me check", "let me think", "i see", "i understand", "i agree", "i know", "i hope so"}
)
"""Sentences of their own, though their verbs take clauses."""

LEADS = _words("so and but now then unfortunately finally maybe perhaps otherwise anyway")
"""What may stand before a sentence's subject."""

UNFINISHED = (DETERMINERS - _words("this that these those her his")) | _words(
    "i we they he of to from for with at by into onto about and or but because if unless although than as in on "
    "very so really too quite such more most just only also even not i'm i'll i've i'd you'll you've you're you'd "
    "we'll we've we're we'd they'll they've they're it'll he'll she'll let's thank who whose which when where "
    "while until since whether every other no never always still already any mr mrs ms dr doctor between under "
    "over without through during against like want need going"
)
"""Words that no sentence ends with, or hardly any."""

CAN_END = _words(
    "in on for with to from at of about too so more most through over under without like since still already "
    "never always other really just only by want need like"
)
"""Those that end one now and then, before a strong opening."""

TAKES_CLAUSE = _words(
    "think thought know knew hope say said says guess believe sure afraid sorry glad happy worried sad wish "
    "suppose tell told me see wonder heard hear feel felt mean means that forgot remember understand agree like "
    "as where what when why how if because while until unless before after since once although than whatever "
    "everything anything something nothing all else whether which who whenever wherever so out"
)
"""What a clause with a subject of its own may follow within the same sentence."""

JOINS = _words("when if because while until unless although since before after once whenever wherever whether as")
"""Words that begin a dependent clause."""

COMMA_AFTER = _words("hello hi hey yes yeah yep yup oh well okay ok alright ah")
"""Those that go on in the same sentence: "Yes, I do"."""

LINKING = _words(
    "be been being am is are was were sound sounds seem seems feel feels look looks so very really that's it's "
    "i'm you're we're they're he's she's too not"
)
"""What an adjective follows."""

SINGULAR = _words("is was does has isn't wasn't doesn't hasn't")
PLURAL = _words("are were do have aren't weren't don't haven't")
"""Auxiliaries that go with he, she and it, and with the others."""

VERBS = _words(
    "be been being go goes went gone come comes came get gets got give gives gave take takes took make makes made "
    "know knows knew think thinks thought say says said see sees saw want wants need needs like likes love loves "
    "feel feels felt let lets put puts find finds found tell tells told ask asks keep keeps kept send sends sent "
    "buy buys bought pay pays paid call calls work works wait waits look looks hope hopes help helps try tries "
    "use uses start starts stop stops leave leaves left move moves bring brings brought meet meets met speak "
    "speaks spoke sit hold holds held read write writes wrote run runs ran open opens close closes break breaks "
    "broke lose loses lost sell sells sold thank agree mean means sound sounds seem seems happen happens suit "
    "suits fit fits cost costs rain rains sing sang stand stood understand forget forgot sleep slept eat ate "
    "drive drove hear hears heard check checks change changes guess believe remember finish finishes expect "
    "wonder follow book order fill please live lives turn turns set show shows become became begin began "
    "apologize has had"
)

DAYS = _words("monday tuesday wednesday thursday friday saturday sunday")
MONTHS = _words("january february april june july august september october november december")
"""Not may and march, which are words as well."""
