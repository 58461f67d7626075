"""A notebook that shows everything there is to show, run with nobody watching, and what it must not have said."""

from __future__ import annotations

import json
import os
import wave
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from double import ProviderDouble
from nbclient import NotebookClient

HERE = Path(__file__).parent
PUBLIC_URL = "https://secret-hooks.example"
NGROK_TOKEN = "ngrok-token-of-the-test"
ACCESS_TOKEN = "access-token-of-a-recording"
HOSTILE = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"
RIGHT_TO_LEFT = "שלום, האופניים שלי"
ENDLESS = "w" * 5_000

LINES = [
    ("0", "Good morning, how can I help?", "Joy"),
    ("1", "My back wheel wobbles.", "Sadness"),
    ("1", f"Somebody wrote {HOSTILE} on it.", "Neutral"),
    ("0", RIGHT_TO_LEFT + "\u202e \x07\x1b[2J end", "Neutral"),
    ("0", ENDLESS, "Neutral"),
    ("1", "I will come on Friday.", "Joy"),
]
START = """%load_ext aijupyter
import json, os, pathlib, aijupyter
ai = aijupyter.connect(embedded=True, engine='saved_notebook:ScriptedEngine')"""
TELL = """def told(session):
    server, settings = session._desk.parts.server, session.settings
    secrets = [server.credentials.client_secret, server.credentials.jwt, settings.ngrok_token]
    urls = [session.status.receiver_url] + ([server.url] if settings.uses_embedded else [])
    return [secret.reveal() for secret in secrets if secret] + urls
paths = [each.record.path for each in [job, url_job, *batch]]
secrets = sum(map(told, [ai, account, outside]), paths)
pathlib.Path('secrets.json').write_text(json.dumps(secrets));"""
CELLS = (
    START,
    "job = ai.analyze('call.wav')\njob",
    "call = await job\ncall",
    "call.name_speakers({'1': 'Customer'})\ncall",
    "job",
    "call.utterances",
    "batch = ai.map(ai.transcribe, ['call.wav', 'other.wav'])\nbatch",
    "await batch.wait(timeout=60)\nbatch",
    "ai.jobs()",
    "job.history",
    "job.record",
    "ai",
    "ai.status",
    "%aijupyter status",
    "account = aijupyter.connect()\naccount",
    "url_job = account.transcribe(os.environ['RECORDING_URL'])\nurl_job",
    "await url_job.wait(timeout=60)",
    "url_job",
    "url_job.record",
    "account.status",
    "outside = aijupyter.connect(public_url=os.environ['OUTSIDE'])\noutside",
    "outside.status",
    "call.plot.timeline()",
    "ai.corpus(batch)",
    "ai.corpus([job]).plot.emotions()",
    "%load_ext aijupyter\n%aijupyter config",
    "%aijupyter jobs",
    "ai.stats()",
    "ai.transcribe('nowhere.wav')",
    "await account.transcribe(os.environ['RECORDING_URL'] + '#2').wait(timeout=0)",
    TELL,
    "outside.close(); account.close(); ai.close()",
)


class ScriptedEngine:
    """Runs inside the embedded service: hears the same in every recording."""

    def __init__(self, model: str, cache: object) -> None:
        pass

    def load(self, report: Callable[[str], None]) -> None:
        """Nothing to load."""

    def analyze(self, task: object, report: Callable[[float], None]) -> dict[str, Any]:
        """A conversation between two."""
        report(1.0)
        spoken = [
            {"speakerId": who, "start": 5.0 * n, "end": 5.0 * n + 4, "text": text}
            for n, (who, text, _) in enumerate(LINES)
        ]
        felt = [
            {**line, "insights": [{"name": "Emotion", "value": emotion, "confidence": 0.8}]}
            for line, (_, _, emotion) in zip(spoken, LINES, strict=True)
        ]
        asked = {"speakerId": "0", "value": 1, "questions": [{"text": "How can I help?", "start": 1.0, "end": 4.0}]}
        return {
            "transcript": " ".join(text for _, text, _ in LINES),
            "utterances": spoken,
            "utteranceInsights": felt,
            "speakerInsights": {"speakerCount": 2, "insights": [{"name": "QuestionsAsked", "values": [asked]}]},
            "conversationalInsights": [{"name": "KeyPhrases", "values": [{"value": "back wheel"}, {"value": HOSTILE}]}],
        }


def environment(double: ProviderDouble, ledger: Path) -> Mapping[str, str]:
    """What the notebook's kernel finds in its environment: an account at the double, and things to keep quiet about."""
    account = double.credentials
    return {
        "AIJUPYTER_LEDGER": str(ledger),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH")))),
        "RC_SERVER_URL": account["server_url"],
        "RC_APP_CLIENT_ID": account["client_id"],
        "RC_APP_CLIENT_SECRET": account["client_secret"],
        "RC_USER_JWT": account["jwt"],
        "NGROK_AUTHTOKEN": NGROK_TOKEN,
        "RECORDING_URL": f"{double.url}/recording/1?access_token={ACCESS_TOKEN}",
        "OUTSIDE": PUBLIC_URL,
    }


def make_recording(folder: Path) -> None:
    """`call.wav`: a second of silence."""
    with wave.open(str(folder / "call.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))


def run_against_a_double(folder: Path) -> tuple[nbformat.NotebookNode, list[str]]:
    """The same with a provider's double and a recording of its own."""
    make_recording(folder)
    with ProviderDouble() as double, pytest.MonkeyPatch.context() as patch:
        for name, value in environment(double, folder / "ledger.db").items():
            patch.setenv(name, value)
        notebook, secrets = run(folder)
        return notebook, [*secrets, *double.tokens]


def run(folder: Path) -> tuple[nbformat.NotebookNode, list[str]]:
    """Run the notebook headless in a folder; it as it would be saved, and all that must not be in it."""
    (folder / "other.wav").write_bytes((folder / "call.wav").read_bytes() + b"more")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    client = NotebookClient(notebook, timeout=120, allow_errors=True, resources={"metadata": {"path": str(folder)}})
    client.execute()
    secrets = json.loads((folder / "secrets.json").read_text())
    return notebook, [*secrets, NGROK_TOKEN, ACCESS_TOKEN, PUBLIC_URL.partition("//")[2]]


def watched(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook as JupyterLab saves it where widgets were shown: they are named in the outputs, and are not kept."""
    lab = nbformat.reads(nbformat.writes(notebook), as_version=4)
    for cell in lab.cells:
        for output in cell.outputs:
            if "text/html" in output.get("data", {}):
                view = {"version_major": 2, "version_minor": 0, "model_id": "gone"}
                output.data["application/vnd.jupyter.widget-view+json"] = view
    return lab
