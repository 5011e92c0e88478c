"""A town whose truth is known: people with several accounts, families, and what the public shares."""

import random
from collections import Counter
from collections.abc import Hashable, Mapping
from math import comb

GUEST = "email:guest@ourshop.io"  # a shop's own placeholder: no list has it


def town(
    households: int, seed: int, families: float = 0.0
) -> tuple[dict[str, list[str]], dict[str, int], dict[str, int]]:
    """A world, the true person of each customer, and the true household.

    Shares are of the order the literature and our own measurement have: 1.75 accounts a person, of which 85 % were
    opened with the person's usual address; 2 % with a placeholder, 3 % on a kiosk, 1 % with a public telephone.

    Args:
        households: how many.
        seed: of the world.
        families: share of the homes of several people that have one mailbox, which 70 % of their accounts name.
    """
    chance, ours = random.Random(seed), random.Random(f"mailboxes {seed}")  # noqa: S311  made-up towns, no secret
    world: dict[str, list[str]] = {}
    person_of: dict[str, int] = {}
    household_of: dict[str, int] = {}
    person = 0
    for home in range(households):
        size = chance.choices([1, 2, 3, 4], [40, 30, 17, 13])[0]
        landline, tablet = chance.random() < 0.4, size > 1 and chance.random() < 0.5
        mailbox = size > 1 and ours.random() < families
        for _ in range(size):
            person += 1
            for _ in range(chance.choices([1, 2, 3, 4], [50, 30, 15, 5])[0]):
                # Numbered by chance: who was registered first says nothing of who belongs together.
                customer = f"c{chance.getrandbits(48):012x}"
                world[customer] = _identifiers(chance, person, home, landline, tablet)
                if mailbox and ours.random() < 0.7:
                    world[customer][0] = f"email:family{home}@mail.io"
                person_of[customer], household_of[customer] = person, home
    return world, person_of, household_of


def _identifiers(chance: random.Random, person: int, home: int, landline: bool, tablet: bool) -> list[str]:
    found = []
    if (luck := chance.random()) < 0.01:
        found.append(GUEST)
    elif luck < 0.02:
        found.append(f"email:{chance.choice(['test', 'none', 'noreply'])}@example.com")
    else:
        found.append(f"email:{person}@mail.io" if chance.random() < 0.85 else f"email:{person}@work.io")
    if (luck := chance.random()) < 0.01:
        found.append(f"phone:+1206555{chance.randrange(3):04}")
    elif luck < 0.6:
        found.append(f"phone:+1360{home:07}" if landline and chance.random() < 0.2 else f"phone:+1425{person:07}")
    if (luck := chance.random()) < 0.03:
        found.append(f"device:kiosk {chance.randrange(5)}")
    elif luck < 0.65:
        found.append(f"device:tablet {home}" if tablet and chance.random() < 0.3 else f"device:{person}")
    if chance.random() < 0.5:
        found.append(f"address:{home} main street")
    return found


def pairs(found: Mapping[str, Hashable], true: Mapping[str, Hashable]) -> tuple[float, float]:
    """Of the pairs found, the share that is true; of the true pairs, the share that was found."""
    both = Counter((found[c], true[c]) for c in true).values()
    right = sum(comb(n, 2) for n in both)
    claimed = sum(comb(n, 2) for n in Counter(found.values()).values())
    actual = sum(comb(n, 2) for n in Counter(true.values()).values())
    return right / claimed, right / actual
