"""An organisation's own login, against a real provider over loopback HTTP: what holds lets in, and nothing else does."""

import asyncio

import pytest
from tests.journal.helpers import CHEAP
from tests.people.helpers import PASSWORD, START, add
from tests.people.provider import Provider

from tocsin.core import Clearance, NotReachable, SeededEntropy
from tocsin.core.times import HOUR, SECOND
from tocsin.people import Act, BadLogin, NoSuchUser, Pending, People, Role, Security, WrongCredentials
from tocsin.people.oidc import Group, Oidc
from tocsin.people.oidc import Provider as Settings

pytestmark = pytest.mark.anyio

LOW, HIGH = Clearance("p", "ASTER", 0), Clearance("p", "ASTER", 1, frozenset({"SENSOR"}))
GROUPS = (Group("watch", frozenset({"watch-officer"}), LOW), Group("chiefs", frozenset({"approver"}), HIGH))


@pytest.fixture
async def provider(clock, anyio_backend):
    async with Provider(clock).running() as running:
        yield running


def login(provider, clock, **more):
    settings = Settings(issuer=provider.issuer, client_id="tocsin", redirect="http://localhost:8700/callback", groups=GROUPS, **more)
    return Oidc(settings, clock, SeededEntropy(6))


async def through(oidc, provider, **claims):
    url, browser = await oidc.begin()
    back = provider.authorize(url, **claims)
    return await oidc.finish(back["state"], back["code"], browser)


async def test_a_member_of_a_mapped_group_gets_in(people, provider, clock):
    oidc = login(provider, clock)
    who = await through(oidc, provider)
    session = await people.admit_oidc(who)
    assert (session.user.name, session.user.roles, session.user.clearance) == ("Ada", {Role.WATCH_OFFICER}, LOW)
    assert session.user.person.startswith("oidc:")
    assert people.session(session.token) == session
    again = await people.admit_oidc(await through(oidc, provider))
    assert again.user == session.user
    assert len(people.users()) == 1
    with pytest.raises(WrongCredentials):
        await people.log_in("Ada", "")
    assert [d.act for d in people.acts()][:2] == [Act.USER_ADD, Act.SESSION_OPEN]


async def test_groups_join_and_a_change_of_groups_counts_at_the_next_login(people, provider, clock):
    oidc = login(provider, clock)
    session = await people.admit_oidc(await through(oidc, provider, groups=["watch", "chiefs", "choir"]))
    assert (session.user.roles, session.user.clearance) == ({Role.WATCH_OFFICER, Role.APPROVER}, HIGH)
    await people.admit_oidc(await through(oidc, provider))
    assert people.session(session.token).user.roles == {Role.WATCH_OFFICER}
    assert people.session(session.token).user.clearance == LOW


@pytest.mark.parametrize("groups", [[], ["choir"], None, "choir", {"watch": 1}, 7, [["watch"]]])
async def test_a_group_that_nothing_maps_gives_nothing(provider, clock, groups):
    with pytest.raises(BadLogin, match="none of your groups"):
        await through(login(provider, clock), provider, groups=groups)


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"aud": "another"}, "for somebody else"),
        ({"aud": ["another"]}, "for somebody else"),
        ({"aud": None}, "for somebody else"),
        ({"aud": ["tocsin", "another"]}, "given to somebody else"),
        ({"azp": "another"}, "given to somebody else"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"nonce": "another"}, "another login"),
        ({"nonce": None}, "another login"),
        ({"exp": START // SECOND - 61}, "has expired"),
        ({"exp": None}, "has expired"),
        ({"exp": "never"}, "has expired"),
        ({"exp": True}, "has expired"),
        ({"iat": START // SECOND - 601}, "not issued just now"),
        ({"iat": START // SECOND + 61}, "not issued just now"),
        ({"iat": None}, "not issued just now"),
        ({"sub": None}, "no subject"),
        ({"sub": ""}, "no subject"),
        ({"preferred_username": None}, "no preferred_username"),
    ],
)
async def test_a_token_that_says_something_wrong_is_refused(provider, clock, claims, says):
    with pytest.raises(BadLogin, match=says):
        await through(login(provider, clock), provider, **claims)


@pytest.mark.parametrize("attack", ["unsigned", "with_the_public_key_as_secret", "with_a_key_of_its_own"])
async def test_a_token_that_is_signed_wrongly_is_refused(provider, clock, attack):
    oidc = login(provider, clock)
    provider.sign = getattr(provider, attack)
    with pytest.raises(BadLogin, match="signature"):
        await through(oidc, provider)
    provider.sign = provider.signed
    assert (await through(oidc, provider)).name == "Ada"


async def test_an_algorithm_that_is_not_on_the_nodes_list_is_refused(provider, clock):
    provider.sign = provider.with_rsa
    with pytest.raises(BadLogin, match="signature"):
        await through(login(provider, clock, algorithms=("ES256",)), provider)
    assert await through(login(provider, clock), provider)


async def test_no_text_of_a_token_reaches_an_error(provider, clock):
    with pytest.raises(BadLogin) as refused:
        await through(login(provider, clock), provider, iss="Kestrel nine")
    assert "Kestrel" not in str(refused.value)
    with pytest.raises(BadLogin) as refused:
        await through(login(provider, clock), provider, groups=["Kestrel nine"])
    assert "Kestrel" not in str(refused.value)


async def test_a_state_is_good_once_in_the_browser_that_began_and_for_ten_minutes(provider, clock):
    oidc = login(provider, clock)
    url, browser = await oidc.begin()
    back = provider.authorize(url)
    with pytest.raises(BadLogin, match="not begun here"):
        await oidc.finish(back["state"], back["code"], "another browser")
    with pytest.raises(BadLogin, match="not begun here"):
        await oidc.finish(back["state"], back["code"], browser)
    url, browser = await oidc.begin()
    back = provider.authorize(url)
    assert await oidc.finish(back["state"], back["code"], browser)
    with pytest.raises(BadLogin):
        await oidc.finish(back["state"], back["code"], browser)
    url, browser = await oidc.begin()
    back = provider.authorize(url)
    clock.move_to(clock.now() + 600 * SECOND)
    with pytest.raises(BadLogin):
        await oidc.finish(back["state"], back["code"], browser)


async def test_a_code_that_was_stolen_is_of_no_use_without_its_verifier(provider, clock):
    oidc = login(provider, clock)
    stolen = provider.authorize((await oidc.begin())[0])["code"]
    url, browser = await oidc.begin()
    with pytest.raises(BadLogin, match="refused: 400"):
        await oidc.finish(provider.authorize(url)["state"], stolen, browser)


async def test_an_answer_of_another_provider_is_refused(provider, clock):
    oidc = login(provider, clock)
    url, browser = await oidc.begin()
    back = provider.authorize(url)
    with pytest.raises(BadLogin, match="another provider"):
        await oidc.finish(back["state"], back["code"], browser, "https://evil.example")
    provider.says_issuer = "https://evil.example"
    with pytest.raises(BadLogin, match="another name"):
        await login(provider, clock).begin()


async def test_keys_that_were_rotated_are_fetched_anew_but_not_at_every_wrong_token(provider, clock):
    oidc = login(provider, clock)
    await through(oidc, provider)
    clock.move_to(clock.now() + 60 * SECOND)
    provider.rotate()
    assert (await through(oidc, provider)).name == "Ada"
    assert provider.asked.count("jwks_uri") == 2
    provider.sign = provider.with_a_key_of_its_own
    for _ in range(5):
        with pytest.raises(BadLogin):
            await through(oidc, provider)
    assert provider.asked.count("jwks_uri") == 2
    clock.move_to(clock.now() + HOUR)
    provider.sign = provider.signed
    await through(oidc, provider)
    assert provider.asked.count("jwks_uri") == 3


async def test_a_second_factor_counts_only_from_a_provider_that_is_trusted_with_it(journal, provider, clock):
    people = People(journal, clock, SeededEntropy(3), cost=CHEAP, security=Security(second_factor="required"))
    who = await through(login(provider, clock), provider, amr=["pwd", "otp"])
    assert isinstance(await people.admit_oidc(who), Pending)
    trusting = login(provider, clock, trusts_factor=True)
    assert isinstance(await people.admit_oidc(await through(trusting, provider, amr=["pwd"])), Pending)
    assert (await people.admit_oidc(await through(trusting, provider, amr=["pwd", "otp"]))).factor == "oidc"


async def test_a_name_that_is_anothers_is_not_taken_over(people, provider, clock):
    await add(people, "ada", ["administrator"])
    with pytest.raises(BadLogin, match="another account's"):
        await people.admit_oidc(await through(login(provider, clock), provider))
    assert people.user("ada").roles == {Role.ADMINISTRATOR}
    assert await people.log_in("ada", PASSWORD)


async def test_who_was_removed_here_does_not_come_back_by_themselves(people, provider, clock):
    await add(people, "root", ["administrator"])
    oidc = login(provider, clock)
    session = await people.admit_oidc(await through(oidc, provider))
    await people.remove_user("Ada", by="root")
    assert people.session(session.token) is None
    with pytest.raises(BadLogin, match="removed here"):
        await people.admit_oidc(await through(oidc, provider))


async def test_an_administrator_readmits_who_was_removed(people, provider, clock):
    await add(people, "root", ["administrator"])
    oidc = login(provider, clock)
    first = await people.admit_oidc(await through(oidc, provider))
    assert people.removed() == []
    with pytest.raises(NoSuchUser):
        await people.readmit("nobody")
    await people.remove_user("Ada", by="root")
    (subject,) = people.removed()
    await people.readmit(subject, by="root")
    assert people.removed() == []
    again = await people.admit_oidc(await through(oidc, provider))
    assert again.user.name == first.user.name
    assert people.session(again.token) is not None
    assert people.session(first.token) is None
    assert [done.what for done in people.acts() if done.act == Act.USER_READMIT] == [subject]
    with pytest.raises(NoSuchUser):
        await people.readmit(subject)


async def test_a_provider_without_tls_or_without_an_answer_is_refused(clock):
    with pytest.raises(BadLogin, match="https"):
        Oidc(Settings(issuer="http://login.example", client_id="x", redirect="https://t.example"), clock, SeededEntropy(1))
    server = await asyncio.start_server(lambda _, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    gone = Oidc(Settings(issuer=f"http://127.0.0.1:{port}", client_id="x", redirect="https://t.example"), clock, SeededEntropy(1))
    with pytest.raises(NotReachable):
        await gone.begin()
