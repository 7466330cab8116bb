from attrs import frozen


@frozen
class Row:
    """One line of the table: what was measured, what came out, the limit it was held against and whether it held.

    An ``aim`` is reported when it is missed, without failing the run.
    """

    what: str
    figure: str
    limit: str
    holds: bool
    aim: bool = False
