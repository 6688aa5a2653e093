"""What the tests of people share."""

from tocsin.core import Clearance
from tocsin.core.times import DAY

START = 20_000 * DAY
PASSWORD = "a long enough password"
SEEN = Clearance("p", "ASTER", 1, frozenset({"SENSOR"}))


async def add(people, name="Keller", roles=("watch-officer",), password=PASSWORD, clearance=SEEN):
    return await people.add_user(name, password, roles, clearance)
