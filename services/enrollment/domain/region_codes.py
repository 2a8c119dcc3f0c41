"""Region codes: regencies and cities where a person can have been first registered.

Per province of the Ministry of Home Affairs: the highest number ever given to a regency (counted from 01) and to a city
(counted from 71). Numbers are given in order and never reused: a number that was abolished, as those of the regencies
that left province 64 in 2012 or 91 and 92 in 2022, remains in the NIKs of people registered there.
"""

CITIES_FROM = 71

HIGHEST_REGENCY_AND_CITY = {
    "11": (18, 75), "12": (25, 78), "13": (12, 77), "14": (10, 72), "15": (9, 72), "16": (13, 74), "17": (9, 71),
    "18": (13, 72), "19": (6, 71), "21": (5, 72), "31": (1, 75), "32": (18, 79), "33": (29, 76), "34": (4, 71),
    "35": (29, 79), "36": (4, 74), "51": (8, 71), "52": (8, 72), "53": (21, 71), "61": (12, 72), "62": (13, 71),
    "63": (11, 72), "64": (11, 74), "65": (4, 71), "71": (11, 74), "72": (12, 71), "73": (26, 73), "74": (15, 72),
    "75": (5, 71), "76": (6, 0), "81": (9, 72), "82": (8, 72), "91": (28, 71), "92": (12, 71), "93": (4, 0),
    "94": (8, 0), "95": (8, 0), "96": (5, 71),
    "97": (8, 0),  # Highland Papua as the statistics office numbers it.
}  # fmt: skip


def is_region_code(place: str) -> bool:
    """Return True if the four digits, province and regency or city, were ever assigned."""
    regency, city = HIGHEST_REGENCY_AND_CITY.get(place[:2], (0, 0))
    number = int(place[2:])
    return 1 <= number <= regency or CITIES_FROM <= number <= city
