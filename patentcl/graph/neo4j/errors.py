"""What a Neo4j driver raises, as one clear error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from patentcl.core.errors import GraphError

_START = "Is it started? `make neo4j` starts one; compose.yaml does with Docker"
_PASSWORD = "Set NEO4J_USERNAME and NEO4J_PASSWORD"


@contextmanager
def explained(
    uri: str, what: str, batch: int | None = None, passing: bool = False
) -> Iterator[None]:
    """Turn what the driver raises inside into a GraphError.

    Parameters
    ----------
    uri, what : str
        The server, and the statement (or "connect").
    batch : int, optional
        Rows in one transaction, to suggest fewer where memory ran out.
    passing : bool
        Let through what may pass by itself (a cut connection, a deadlock): the driver tries again.
    """
    from neo4j.exceptions import DriverError, Neo4jError

    try:
        yield
    except (Neo4jError, DriverError, OSError, ValueError) as error:
        found = _explanation(error, uri, what, batch)
        if passing and found is None:
            raise
        if found is None:
            text = _first(error)
            if what == "connect" and isinstance(error, ValueError | DriverError):
                found = GraphError("the server cannot be reached", where=uri, got=text, fix=_START)
            elif isinstance(error, Neo4jError):
                found = GraphError(f"query {what} failed", where=uri, got=text)
            elif isinstance(error, DriverError | OSError):
                found = GraphError(
                    "the connection to the server was cut",
                    where=uri,
                    got=text,
                    fix="Run it again: a load goes on from where it was",
                )
            else:
                raise
        raise found from error


def _first(error: Exception) -> str:
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0][:300]


def _explanation(error: Exception, uri: str, what: str, batch: int | None) -> GraphError | None:
    """What will not pass by itself; None for everything else."""
    from neo4j.exceptions import AuthError, ConfigurationError, Neo4jError, UnsupportedServerProduct

    text, code = _first(error), str(getattr(error, "code", ""))
    if isinstance(error, UnsupportedServerProduct):
        return GraphError(
            "this version of the server is not supported",
            where=uri,
            got=text,
            wanted="Neo4j 5.26 or later",
        )
    if isinstance(error, ConfigurationError):
        return GraphError(
            "not an address of a Neo4j server",
            got=uri,
            wanted="neo4j://HOST:PORT, or bolt, neo4j+s, bolt+s for neo4j",
        )
    if "CredentialsExpired" in code:
        return GraphError(
            "the password must be changed before it can be used",
            where=uri,
            fix="Change it in cypher-shell or the browser",
        )
    if isinstance(error, AuthError) or "AuthenticationRateLimit" in code:
        return GraphError(
            "the server refuses user and password", where=uri, got=text, fix=_PASSWORD
        )
    if not isinstance(error, Neo4jError):
        return None
    if "DatabaseNotFound" in code:
        return GraphError(
            "no such database on the server", where=uri, got=text, fix="Set NEO4J_DATABASE"
        )
    if "OutOfMemory" in code or "MemoryPool" in code or "OutOfMemory" in text:
        fewer = (
            f"smaller batches, for example --batch {max(1, batch // 4)}"
            if batch
            else "smaller batches"
        )
        return GraphError(
            "the server is out of memory",
            where=uri,
            got=text,
            fix=f"Use {fewer}, or give the server more memory",
        )
    if (
        "ReadOnly" in code
        or "read-only" in text.lower()
        or "read only" in text.lower()
        or "Security.Forbidden" in code
    ):
        return GraphError(
            "the server does not allow writing",
            where=uri,
            got=text,
            fix="Use a database and a user that may be written to and write",
        )
    return None
