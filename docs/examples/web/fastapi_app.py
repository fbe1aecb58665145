"""FastAPI: one client for the whole application. Run it with ``uvicorn fastapi_app:app``."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI

from netaudience import NetmeraClient, Settings
from netaudience.integrations.fastapi import AppClient, add_answers

#: What the account is allowed goes here, as Settings(rate=…, in_flight=…); without it, a careful guess.
SETTINGS = Settings()

netmera = AppClient(lambda: NetmeraClient.from_environment(settings=SETTINGS), deadline=10)
Netmera = Annotated[NetmeraClient, Depends(netmera.client)]
app = FastAPI(lifespan=netmera.lifespan)
add_answers(app)


@app.put("/users/{user}/tags/{tag}", status_code=204)
async def tag_user(user: str, tag: str, client: Netmera) -> None:
    """Tag one user."""
    await client.tag_users([user], tag=tag)


@app.get("/users/{user}")
async def read_user(user: str, client: Netmera) -> dict[str, object]:
    """Read one user's profile."""
    profile = await client.get_profile_attributes(user)
    return dict(profile.profile)


@app.post("/tags/{tag}", status_code=202)
async def tag_users(tag: str, users: list[str]) -> None:
    """Begin to tag many users, for as long as it takes."""
    netmera.begin(netmera.unhurried().tag_users(users, tag=tag))
