"""The customers of the replay. INVENTED: nobody in the grocer's data has an address, a device or a consent.

One customer per household of the data. Names, addresses, telephone numbers, devices, consent and every link between
customers are made up, the same in every run; e-mail addresses end in the domains that RFC 2606 reserves and telephone
numbers lie in 555-0100 to 555-0199, which belong to nobody. So what a demo finds out about identities is about these
invented links. There is something to find (second accounts, families) and something to resist (public devices,
placeholder addresses, a front desk's telephone, a tower block without flat numbers).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np

from segment_assets.demo.chance import fractions, keys

FIRST_NAMES = ("Dana", "Alex", "Robin", "Sam", "Kim", "Jamie", "Noor", "Luca", "Mika", "Toni", "Ariel", "Charlie")
LAST_NAMES = (
    "Reyes",
    "Okafor",
    "Lindqvist",
    "Marsh",
    "Tanaka",
    "Novak",
    "Silva",
    "Haddad",
    "Byrne",
    "Kowalski",
    "Diaz",
)
STREETS = ("Oak Street", "Mill Lane", "Harbor Avenue", "2nd Street", "Cedar Road", "Station Road", "Hill Street")
DOMAINS = ("example.com", "example.org", "example.net")
PLACEHOLDERS = ("noreply@example.com", "none@example.com", "test@example.com", "unknown@example.org")
# Area codes in which 555-0100 passes phonenumbers' validation (libphonenumber 9.0); a test asks again.
AREA_CODES = (
    201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 220, 223, 224, 225, 227, 228,
    229, 231, 234, 235, 239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 272, 274, 276, 279, 281, 283,
    301, 302, 303, 304, 305, 307, 308, 309, 310, 312, 313, 314, 315, 316, 317, 318, 319, 320, 321, 323, 324, 325, 326,
    327, 329, 330, 331, 332, 334, 336, 337, 339, 341, 346, 347, 350, 351, 352, 353, 360, 361, 363, 364, 369, 380, 385,
    386, 401, 402, 404, 405, 406, 407, 408, 409, 410, 412, 413, 414, 415, 417, 419, 423, 424, 425, 430, 432, 434, 435,
    440, 442, 443, 445, 447, 448, 458, 463, 464, 469, 470, 472, 475, 478, 479, 480, 484, 501, 502, 503, 504, 505, 507,
    508, 509, 510, 512, 513, 515, 516, 517, 518, 520, 521, 525, 526, 527, 528, 529, 530, 531, 532, 534, 539, 540, 541,
    551, 557, 559, 561, 562, 563, 564, 567, 570, 571, 572, 573, 574, 575, 580, 582, 585, 586, 601, 602, 603, 605, 606,
    607, 608, 609, 610, 612, 614, 615, 616, 617, 618, 619, 620, 623, 626, 628, 629, 630, 631, 636, 640, 641, 645, 646,
    650, 651, 656, 657, 659, 660, 661, 662, 667, 669, 678, 680, 681, 682, 686, 689, 701, 702, 703, 704, 706, 707, 708,
    712, 713, 714, 715, 716, 717, 718, 719, 720, 724, 725, 726, 727, 728, 730, 731, 732, 734, 737, 738, 740, 743, 747,
    748, 754, 757, 760, 762, 763, 765,
)  # fmt: skip

# Links, as shares of the customers: (pairs or members) and the fewest, so that a small world has them too.
SECOND_ACCOUNTS, TWO_IDENTIFIERS, FAMILIES = 0.024, 0.016, 0.06
CROWD, CROWD_AT_LEAST, KIOSKS = 0.012, 15, 3


@dataclass(frozen=True)
class Customer:
    """One invented customer of one real household.

    Attributes:
        id: the customer's id, `C000017`.
        household: the household of the data whose baskets these are.
        key: 64 bits of chance that belong to this customer.
        own_email: the address under which others know the person.
        email: the address given to the grocer, as written; sometimes another person's or a placeholder.
        phone: a number as written, or None.
        platform: `android` or `ios` where the customer has the app, else None.
        device: the device's identifier, None without the app.
        seen_on: a device the account was used on in a browser: one's own, the family's or a public one.
        address: street line, or None.
        postal_code: where the address is.
    """

    id: str
    household: int
    key: int
    own_email: str
    email: str
    phone: str | None
    platform: str | None
    device: str | None
    seen_on: str | None
    address: str | None
    postal_code: str


def invent(households: Sequence[int], copy: int = 0) -> list[Customer]:
    """One customer per household, linked to some of the others.

    Args:
        households: numbers of the households, below 10,000.
        copy: 0 for the customers themselves; another number for other people with the same habits.
    """
    order = np.argsort(fractions(households, f"links {copy}"), kind="stable")
    numbers = np.asarray(households) + 10_000 * copy
    alone = _alone(numbers, households, copy)
    return _linked(alone, [int(i) for i in order], copy)


def _alone(numbers: np.ndarray, households: Sequence[int], copy: int) -> list[Customer]:
    """Customers without links: every identifier is one's own."""
    chance = {what: fractions(numbers, what).tolist() for what in ("phone", "app", "ios", "address", "seen", "kiosk")}
    kiosk = max(0.04, CROWD_AT_LEAST / len(households)) * KIOSKS
    made = []
    for i, (number, key) in enumerate(zip(numbers.tolist(), keys(numbers, "customer").tolist(), strict=True)):
        first, last = FIRST_NAMES[key % len(FIRST_NAMES)], LAST_NAMES[key // 97 % len(LAST_NAMES)]
        email = f"{first}.{last}.{number}@{DOMAINS[key // 9_973 % len(DOMAINS)]}".lower()
        has_app = chance["app"][i] < 0.55
        device = _uuid(number, "device") if has_app else None
        public = chance["kiosk"][i] < kiosk
        at = int(chance["kiosk"][i] / kiosk * KIOSKS)
        made.append(
            Customer(
                id=f"C{number:06d}",
                household=households[i],
                key=key,
                own_email=email,
                email=email,
                phone=_phone(number, key) if chance["phone"][i] < 0.65 else None,
                platform=("ios" if chance["ios"][i] < 0.4 else "android") if has_app else None,
                device=device,
                seen_on=f"kiosk-{copy}-{at}" if public else device if chance["seen"][i] < 0.5 else None,
                address=f"{1 + number // len(STREETS)} {STREETS[number % len(STREETS)]}"
                if chance["address"][i] < 0.85
                else None,
                postal_code=f"981{number % 90 + 10}",
            )
        )
    return made


def _linked(alone: list[Customer], order: list[int], copy: int) -> list[Customer]:
    """The same customers, with links put between some: each customer has at most one kind of link besides a kiosk."""
    linked = list(alone)
    left = iter(order)

    def pairs(share: float, link: Callable[[Customer, Customer], tuple[Customer, Customer]]) -> None:
        for _ in range(round(share / 2 * len(alone))):
            a, b = next(left), next(left)
            linked[a], linked[b] = link(linked[a], linked[b])

    def crowd(change: Callable[[int, Customer], Customer]) -> None:
        for n in range(min(len(alone) // 8, max(CROWD_AT_LEAST, round(CROWD * len(alone))))):
            i = next(left)
            linked[i] = change(n, linked[i])

    pairs(SECOND_ACCOUNTS, _second_account)
    pairs(TWO_IDENTIFIERS, _new_email)
    pairs(FAMILIES, _family)
    crowd(lambda n, c: replace(c, email=PLACEHOLDERS[n // 2 % len(PLACEHOLDERS) if n % 2 else 0]))
    crowd(lambda _, c: replace(c, phone=f"+1{AREA_CODES[-1 - copy]}5550199"))
    crowd(lambda _, c: replace(c, address=f"{copy + 1} Tower Place", postal_code="98101"))
    return linked


def _second_account(a: Customer, b: Customer) -> tuple[Customer, Customer]:
    """One person, registered twice with one address."""
    return a, replace(b, email=f" {a.email.title()}" if b.key % 2 else a.email.upper())


def _new_email(a: Customer, b: Customer) -> tuple[Customer, Customer]:
    """One person with a new address: telephone and device stayed."""
    device, phone = a.device or _uuid(a.key, "device"), a.phone or b.phone or _phone(int(a.id[1:]), a.key)
    platform = a.platform or "android"
    return (
        replace(a, device=device, platform=platform, phone=phone),
        replace(b, device=device, platform=platform, phone=phone),
    )


def _family(a: Customer, b: Customer) -> tuple[Customer, Customer]:
    """Two people at one address; half of them share a tablet."""
    address = a.address or b.address or f"{100 + a.household} Garden Row"
    a, b = replace(a, address=address), replace(b, address=address.upper(), postal_code=a.postal_code)
    tablet = _uuid(a.key, "tablet")
    return (replace(a, seen_on=tablet), replace(b, seen_on=tablet)) if a.key % 2 else (a, b)


def _phone(number: int, key: int) -> str:
    """A customer's own fictitious number (555-0199 is the front desk's), written in one of three ways."""
    # 260 area codes x 99 lines are enough for ten copies of 2,500 households; later ones begin again.
    place = number % 10_000 + number // 10_000 * 2_501
    area, line = AREA_CODES[place // 99 % len(AREA_CODES)], 100 + place % 99
    written = (f"({area}) 555-0{line}", f"{area}-555-0{line}")
    return written[key // 7 % 2] if key % 10 < 3 else f"+1{area}5550{line}"


def _uuid(number: int, purpose: str) -> str:
    high, low = (int(keys([number], f"{purpose} {half}")[0]) for half in ("high", "low"))
    return str(UUID(int=high << 64 | low, version=4))
