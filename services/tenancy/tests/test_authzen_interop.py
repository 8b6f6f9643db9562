"""The interoperability scenarios of the AuthZEN working group, with facts of ours.

*Todo* (40 decisions): whoever owns a todo is the adviser of the contact that stands for it; editors hold their rights
over what is theirs, others over everything. *Search* (20 records, 6 people, 3 actions): a department is a desk below
each of its people, an adviser of the records of the department; so somebody reaches their own records with the scope
*mine*, and those of the department too with *mine and attached below*.
"""

import pytest
from authzen_stage import Pep, make_world

OWNERS = {"todo-1": "rick", "todo-2": "morty", "todo-3": "summer", "todo-4": "beth", "todo-5": "jerry"}
PEOPLE = ("rick", "morty", "summer", "beth", "jerry")


@pytest.fixture(scope="module")
async def todo(stage, provider):
    world = await make_world(
        stage, provider, scoped=("update_todo", "delete_todo"), plain=("read_user", "read_todos", "create_todo")
    )
    everybody = {"read_user": "all", "read_todos": "all"}
    await world.person("rick", **everybody, create_todo="all", update_todo="all", delete_todo="all")
    for editor in ("morty", "summer"):
        await world.person(editor, **everybody, create_todo="all", update_todo="mine", delete_todo="mine")
    for viewer in ("beth", "jerry"):
        await world.person(viewer, **everybody)
    for name, owner in OWNERS.items():
        await world.record(name, owner)
    return world


TODO = [
    (who, action, which, expected)
    for who in PEOPLE
    for own in [next(name for name, owner in OWNERS.items() if owner == who)]
    for action, which, expected in [
        ("read_user", None, True),
        ("read_todos", None, True),
        ("create_todo", None, who in ("rick", "morty", "summer")),
        ("update_todo", "todo-1", who == "rick"),
        ("update_todo", own if who != "rick" else "todo-2", who in ("rick", "morty", "summer")),
        ("delete_todo", "todo-1", who == "rick"),
        ("delete_todo", own if who != "rick" else "todo-2", who in ("rick", "morty", "summer")),
    ]
]


@pytest.mark.parametrize(("who", "action", "which", "expected"), TODO)
async def test_todo(stage, todo, who, action, which, expected):
    pep = Pep(stage, todo.product.client_id)
    assert await pep.decides(todo.asked(who, action, which)) is expected


async def test_todo_boxcarred(stage, todo):
    pep = Pep(stage, todo.product.client_id)
    several = [todo.asked(who, action, which) for who, action, which, _ in TODO]
    answer = await pep.ask("evaluations", {"evaluations": several})
    assert [each["decision"] for each in answer["evaluations"]] == [expected for *_, expected in TODO]


USERS = {
    "alice": ("manager", "Sales"), "bob": ("employee", "Legal"), "carol": ("contractor", "Legal"),
    "dan": ("manager", "Finance"), "erin": ("employee", "Finance"), "felix": ("contractor", "Accounting"),
}  # fmt: skip
#: By their first letters, of the records 101 to 120.
LETTERS = ["L", "L", "L", "A", "L", "A", "S", "L", "A", "S", "A", "L", "S", "A", "F", "L", "L", "A", "L", "A"]
DEPARTMENTS = [{"L": "Legal", "A": "Accounting", "S": "Sales", "F": "Finance"}[letter] for letter in LETTERS]
RECORDS = {str(101 + i): (department, [*USERS][i % 6]) for i, department in enumerate(DEPARTMENTS)}
ACTIONS = ("view", "edit", "delete")


def policy(who, action, which):
    """The policies of the scenario as they are written."""
    (role, department), (of_department, owner) = USERS[who], RECORDS[which]
    if action == "view":
        return owner == who or of_department == department or role == "manager"
    if action == "edit":
        return owner == who or (role == "manager" and of_department == department)
    return owner == who


@pytest.fixture(scope="module")
async def search(stage, provider):
    world = await make_world(stage, provider, scoped=ACTIONS)
    for who, (role, _) in USERS.items():
        view, edit = ("all", "attached") if role == "manager" else ("attached", "mine")
        await world.person(who, view=view, edit=edit, delete="mine")
        await world.person(f"desk of {who}", below=who)
    for which, (department, owner) in RECORDS.items():
        desks = [f"desk of {who}" for who in USERS if USERS[who][1] == department]
        await world.record(which, owner, *desks)
    return world


@pytest.mark.parametrize("which", RECORDS)
@pytest.mark.parametrize("action", ACTIONS)
async def test_search_subject(stage, search, action, which):
    pep = Pep(stage, search.product.client_id)
    asked = {"subject": {"type": "member"}, "action": search.action(action), "resource": search.resource(which)}
    found = {each["id"] for each in (await pep.ask("search/subject", asked))["results"]}
    names = {name for name, membership_id in search.people.items() if str(membership_id) in found}
    assert names == {who for who in USERS if policy(who, action, which)}


@pytest.mark.parametrize("who", USERS)
@pytest.mark.parametrize("action", ACTIONS)
async def test_search_resource(stage, search, action, who):
    pep = Pep(stage, search.product.client_id)
    asked = {"subject": search.subject(who), "action": search.action(action), "resource": {"type": "contact"}}
    answer = await pep.ask("search/resource", asked)
    names = {str(contact_id): name for name, contact_id in search.records.items()}
    found = [names[each["id"]] for each in answer["results"]]
    assert found == [which for which in RECORDS if policy(who, action, which)]
    assert (answer["page"]["count"], answer["page"]["next_token"]) == (len(found), "")


@pytest.mark.parametrize("who", USERS)
async def test_search_action(stage, search, who):
    pep = Pep(stage, search.product.client_id)
    for which in RECORDS:
        asked = {"subject": search.subject(who), "resource": search.resource(which)}
        found = {each["name"] for each in (await pep.ask("search/action", asked))["results"]}
        assert found == {f"{search.word}.{action}" for action in ACTIONS if policy(who, action, which)}


async def test_the_figures_of_the_scenario_are_those_of_its_tables():
    """A few lines of the published tables, so that the policies above are those."""
    assert [which for which in RECORDS if policy("erin", "view", which)] == ["105", "111", "115", "117"]
    assert [which for which in RECORDS if policy("alice", "edit", which)] == ["101", "107", "110", "113", "119"]
    assert [who for who in USERS if policy(who, "edit", "115")] == ["carol", "dan"]


async def test_what_a_search_finds_is_what_an_evaluation_allows(stage, search):
    pep = Pep(stage, search.product.client_id)
    several = [search.asked(who, action, which) for who in USERS for action in ACTIONS for which in list(RECORDS)[:10]]
    answer = await pep.ask("evaluations", {"evaluations": several})
    expected = [policy(who, action, which) for who in USERS for action in ACTIONS for which in list(RECORDS)[:10]]
    assert [each["decision"] for each in answer["evaluations"]] == expected
