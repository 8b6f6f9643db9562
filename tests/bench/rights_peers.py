"""Others who decide, on the same rules and facts: PyPI `pycasbin` in this process, npm Cerbos as a server beside it.

Both get the hierarchy as it is (superiors), not sets that somebody made before. pycasbin keeps the facts in memory;
Cerbos keeps none: whoever asks sends them with each question, and what gathering them costs is not in its figures.
"""

import asyncio
import http.client
import json
import os
import socket
import stat
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import casbin
import psutil
from peer import install
from rights_population import ALL, ATTACHED, GROUP, MINE, LargeFirm
from rights_questions import RIGHTS, Question

FOLDER = Path(__file__).with_name("peer_rights")
SERVER = FOLDER / "node_modules" / "@cerbos" / "cerbos-linux-x64" / "cerbos-linux-x64"
ROLES = {MINE: "mine", ATTACHED: "attached", GROUP: "group", ALL: "all"}

_MODEL = """
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.act == p.act && g(r.sub, p.sub) && reaches(p.sub, r.sub, r.obj)
"""


def by_casbin(firm: LargeFirm, questions: Sequence[Question]) -> Callable[[Question], bool]:
    """Answers with pycasbin: a role for each profile, a function for how far it reaches."""
    model = casbin.Model()
    model.load_model_from_text(_MODEL)
    enforcer = casbin.Enforcer(model)
    enforcer.add_policies([[role, right] for role in ROLES.values() for right in RIGHTS])
    enforcer.add_grouping_policies([[str(n), ROLES[firm.scope(n)]] for n in range(len(firm.members))])
    superiors = {str(n): {str(each) for each in firm.above(n)} for n in range(len(firm.members))}
    nearest = {str(n): str(next(firm.above(n), "")) for n in range(len(firm.members))}
    numbers = {each: str(number) for number, each in enumerate(firm.members)}
    advisers = {str(each.contact): [numbers[adviser] for adviser in each.advisers] for each in questions}

    def reaches(role: str, member: str, contact: str) -> bool:
        if role == "all":
            return True
        found = advisers[contact]
        if member in found:
            return True
        if role == "mine":
            return False
        return any(
            member in superiors[each] or (role == "group" and nearest[member] in superiors[each]) for each in found
        )

    enforcer.add_function("reaches", reaches)
    return lambda question: enforcer.enforce(str(question.member), str(question.contact), question.right)


class Cerbos:
    """The server, asked over one connection that stays open."""

    def __init__(self, firm: LargeFirm, port: int, process: psutil.Process) -> None:
        self._firm = firm
        self._process = process
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._numbers = {each: number for number, each in enumerate(firm.members)}

    def cpu_seconds(self) -> float:
        """What it has used so far."""
        return float(sum(self._process.cpu_times()[:2]))

    def body(self, question: Question) -> str:
        """A question with the facts that its rules ask for."""
        advisers = [self._numbers[each] for each in question.advisers]
        above = {str(each) for adviser in advisers for each in self._firm.above(adviser)}
        principal = {
            "id": str(question.member),
            "roles": [ROLES[self._firm.scope(question.member)]],
            "attr": {"superior": str(next(self._firm.above(question.member), "none"))},
        }
        facts = {"advisers": [str(each) for each in advisers], "above": sorted(above)}
        resource = {"kind": "contact", "id": str(question.contact), "attr": facts}
        return json.dumps({"principal": principal, "resources": [{"actions": [question.right], "resource": resource}]})

    def ask(self, body: str, right: str) -> bool:
        """The answer."""
        self._connection.request("POST", "/api/check/resources", body, {"Content-Type": "application/json"})
        answer = json.loads(self._connection.getresponse().read())
        return answer["results"][0]["actions"][right] == "EFFECT_ALLOW"

    def close(self) -> None:
        """Lets go of the connection."""
        self._connection.close()


@asynccontextmanager
async def cerbos(firm: LargeFirm) -> AsyncIterator[Cerbos]:
    """The server, started and stopped. Raises RuntimeError where it does not run (Linux on x86-64 only)."""
    await asyncio.to_thread(install, FOLDER)
    SERVER.chmod(SERVER.stat().st_mode | stat.S_IXUSR)
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    told = {"CERBOS_PORT": str(ports[0]), "CERBOS_GRPC_PORT": str(ports[1]), "CERBOS_NO_TELEMETRY": "1"}
    process = await asyncio.create_subprocess_exec(
        str(SERVER), "server", "--config", "server.yaml", "--log-level", "error",
        cwd=FOLDER, env=os.environ | told, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    server = Cerbos(firm, ports[0], psutil.Process(process.pid))
    try:
        await asyncio.to_thread(_answering, ports[0], process)
        yield server
    finally:
        server.close()
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _answering(port: int, process: asyncio.subprocess.Process) -> None:
    for _ in range(300):
        if process.returncode is not None:
            break
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", "/_cerbos/health")
            if connection.getresponse().status == http.client.OK:
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("Cerbos does not answer.")
