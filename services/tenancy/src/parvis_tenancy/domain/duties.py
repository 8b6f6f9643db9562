"""What referents are charged with (D7), and how many share a duty."""

from enum import IntEnum


class Duty(IntEnum):
    """With the numbers of the contract and of the tables."""

    ACCOUNTING = 1
    TECHNICAL = 2
    DATA_PROTECTION = 3


#: Invoices may go to several; whom to call of an outage, and who answers for personal data, is one person.
MOST = {Duty.ACCOUNTING: 20, Duty.TECHNICAL: 1, Duty.DATA_PROTECTION: 1}
