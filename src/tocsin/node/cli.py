"""The command line: verbs, loaded when they are called, and how their answers and errors come out."""

from __future__ import annotations

import sys

from cyclopts import App, CycloptsError

from tocsin import __version__

app = App(name="tocsin", help="Share what you see with your partners, and ring early, together.", version=__version__)
_HERE = "tocsin.node.commands"

for name, where, words in (
    ("demo", "demo:demo", "Three nodes on this machine, recorded traffic, one exercise."),
    ("init", "setup:init", "Make a node in a new folder."),
    ("up", "run:up", "Run the node in a folder."),
    ("doctor", "setup:doctor", "Check the node in a folder."),
    ("status", "run:status", "How a running node is."),
    ("replay", "watch:replay", "Play recordings into a replay realm."),
    ("warnings", "watch:warnings", "What rings."),
    ("search", "search:search", "Find texts by their words, out of those that a person may read."),
    ("ack", "watch:ack", "Acknowledge a warning."),
    ("approve", "watch:approve", "Issue a drafted warning to the partners that may have it."),
    ("cancel", "watch:cancel", "Cancel a warning for everyone who was told."),
    ("claim", "saying:claim", "Say a graded claim."),
    ("sighting", "saying:sighting", "Say what you saw, or were told by telephone."),
    ("count", "saying:count", "Say the daily counts of a file."),
    ("backtest", "backtest:backtest", "How a topic would have done over what is recorded."),
    ("verify", "audit:verify", "Check a proof file, without any network."),
    ("backup", "backup:backup", "Write a sealed backup of a node, running or not."),
    ("restore", "backup:restore", "Make a node of a backup, in a new folder."),
    ("share", "exchange:share", "Say a report to partners."),
    ("inbox", "exchange:inbox", "What partners said."),
    ("subscribe", "exchange:subscribe", "Say what of it you want to be shown, or this node to be sent; or end that."),
    ("subscriptions", "exchange:subscriptions", "Who wants what: you, this node of partners, partners of this node."),
    ("erase", "approvals:erase", "Propose that a record is erased for good; another person approves."),
    ("recall", "exchange:recall", "Call a record back from everyone who had it."),
    ("ledger", "exchange:ledger", "What became of what this node said, partner by partner."),
    ("bench", "bench:bench", "Measure every figure that the docs quote."),
):
    app.command(f"{_HERE}.{where}", name=name, help=words)

user = App(name="user", help="The people of a node.")
client = App(name="client", help="The machines that speak to a node.")
receiver = App(name="receiver", help="Who is told things and has no node.")
partner = App(name="partner", help="Whom a node shares with.")
topic = App(name="topic", help="What a node warns of.")
scene = App(name="scene", help="Made air pictures with a known truth.")
rule = App(name="rule", help="What two persons agreed beforehand may leave without a person at the time.")
label = App(name="label", help="Labels that two persons lower.")
request = App(name="request", help="Ask partners for information.")
bundle = App(name="bundle", help="The exchange by file, for partners behind an air gap.")
protocol = App(name="protocol", help="How nodes speak.")
approval = App(name="approval", help="What two persons do: approve it, or ask a partner's person to.")
setting = App(name="setting", help="Settings that two persons change.")
relay = App(name="relay", help="A relay for partners to meet at.")
audit = App(name="audit", help="The log: whether it is whole, proofs out of it, who was told.")
for parent, name, where, words in (
    (user, "add", "people:add", "Add a person."),
    (user, "list", "people:list_", "Everyone who may log in."),
    (user, "change", "people:change", "Change a person's roles, clearance or password."),
    (user, "invite", "people:invite", "Invite a person, who sets their own password."),
    (user, "invitations", "people:invitations", "The open invitations."),
    (user, "uninvite", "people:uninvite", "Withdraw an invitation."),
    (user, "factor", "people:factor", "A person's second factors."),
    (user, "log-out", "people:log_out", "End every session of a person."),
    (user, "removed", "people:removed", "Accounts of the organisation's login that were removed here."),
    (user, "readmit", "people:readmit", "Let such an account be made again at its next login."),
    (user, "remove", "people:remove", "Remove a person; all that is theirs ends at once."),
    (client, "add", "clients:add", "Add a machine client."),
    (client, "list", "clients:list_", "Every machine client."),
    (client, "remove", "clients:remove", "Remove a machine client."),
    (receiver, "add", "clients:add_receiver", "Add somebody who is told things and has no node."),
    (receiver, "token", "clients:renew_token", "Give a feed another token, shown this once."),
    (receiver, "list", "clients:list_receivers", "Every receiver."),
    (receiver, "remove", "clients:remove_receiver", "Remove a receiver."),
    (partner, "card", "partners:card", "Print this node's own card."),
    (partner, "add", "partners:add", "Pin a partner's card."),
    (partner, "list", "partners:list_", "Every partner."),
    (partner, "confirm", "partners:confirm", "Mark a partner's fingerprint as compared by telephone."),
    (partner, "test", "partners:try_", "Try the whole way to a partner and back."),
    (partner, "rotate", "partners:rotate", "New keys for this node, signed by the old."),
    (partner, "recover", "partners:recover", "New keys for this node by its recovery key."),
    (partner, "chain", "partners:chain", "Print how this node's cards followed each other."),
    (partner, "follow", "partners:follow", "Follow a partner's chain of cards that came by hand."),
    (partner, "revoke", "partners:revoke", "Trust a partner's keys no more."),
    (partner, "exclude", "approvals:exclude", "Propose that a partner is put out; another person approves."),
    (approval, "list", "approvals:list_", "What was proposed, and who stands behind it."),
    (approval, "approve", "approvals:approve", "Approve what somebody else proposed: it is done."),
    (approval, "withdraw", "approvals:withdraw", "Withdraw a proposal."),
    (approval, "ask", "approvals:ask", "Ask a partner's people to be the second."),
    (approval, "answer", "approvals:answer", "Answer what a partner's node asks."),
    (setting, "list", "approvals:settings", "Settings as they are."),
    (setting, "change", "approvals:change", "Propose another value; another person approves."),
    (partner, "remove", "partners:remove", "Stop sharing with a partner."),
    (topic, "check", "topic:check", "Check a topic file."),
    (topic, "schema", "topic:schema", "Print the JSON Schema of topic files."),
    (scene, "make", "scene:make", "Write scenes for `tocsin bench warning --scenes`."),
    (rule, "list", "rules:list_", "Every rule, with who stands behind it."),
    (rule, "propose", "rules:propose", "Propose a rule; another approver has to agree."),
    (rule, "agree", "rules:agree", "Agree to a rule: it is in force."),
    (rule, "withdraw", "rules:withdraw", "End a rule at once."),
    (audit, "verify", "audit:verify_log", "Go through the whole log again."),
    (audit, "prove", "audit:prove", "Write a proof that a record stands in the log."),
    (audit, "who-was-told", "audit:who_was_told", "Who was told of a record, when, and what they answered."),
    (audit, "renew", "audit:renew", "Go on with a realm's log under a new name."),
    (label, "list", "labels:list_", "Labels that are proposed to be lowered, and those that were."),
    (label, "lower", "labels:lower", "Propose a lower label; another person has to approve."),
    (label, "tear-line", "labels:tear_line", "Propose a report of a lower label out of a report; another person has to approve."),
    (label, "consent", "labels:consent", "Let a partner's ORCON record go on to others."),
    (label, "due", "labels:due", "Labels that are to be looked at again."),
    (label, "approve", "labels:approve", "Approve a lower label."),
    (request, "ask", "exchange:ask", "Ask partners a question."),
    (request, "list", "exchange:requests", "Requests with their answers."),
    (request, "answer", "exchange:answer", "Answer a request by a report."),
    (request, "close", "exchange:close", "Close a request of this node's."),
    (request, "require", "exchange:require", "Set up a priority requirement."),
    (request, "requirements", "exchange:requirements", "Priority requirements with what serves each."),
    (bundle, "export", "exchange:export", "Write what a partner is owed into a sealed file."),
    (bundle, "import", "exchange:take_in", "Take in a file that a partner wrote."),
    (protocol, "vectors", "protocol:vectors", "Write the protocol's test vectors."),
    (relay, "init", "relay:init", "Make a relay in a folder, with TLS where others can reach it."),
    (relay, "add", "relay:add", "Let a partner in by its card."),
    (relay, "remove", "relay:remove", "Let a partner in no more, and purge what was left for it."),
    (relay, "up", "relay:up", "Run a relay for the partners whose cards lie in FOLDER/cards."),
):
    parent.command(f"{_HERE}.{where}", name=name, help=words)
for group in (user, client, receiver, partner, topic, scene, rule, label, approval, setting, request, bundle, relay, audit, protocol):
    app.command(group)


def main(tokens: list[str] | None = None) -> None:
    """Run one command; exit 0 done, 1 the answer is no, 2 usage or input error, 3 a needed service is not reachable."""
    given = sys.argv[1:] if tokens is None else tokens
    if given[:1] == ["request"] and len(given) > 2 and given[1] not in request:
        # `tocsin request DIR --to BIRCH "question"` asks.
        given = ["request", "ask", *given[1:]]
    try:
        app(given, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        _end(" ".join(str(error).split()) + " (see `tocsin --help`)", 2)
    except KeyboardInterrupt:
        _end("stopped", 130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        # Loaded only now: the core brings numpy along, and help is to come at once.
        from tocsin.core import TocsinError

        found = error
        while isinstance(found, ExceptionGroup):
            found = found.exceptions[0]
        if not isinstance(found, TocsinError):
            raise
        _end(str(found), found.exit_code)


def _end(text: str, code: int) -> None:
    sys.stderr.write(f"tocsin: {text}\n")
    sys.exit(code)
