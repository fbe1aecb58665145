"""Iterable's calls about one user, and its two reads.

The body's shape is checked first; what depends on the state is checked inside `apply`, where no
other request can come between, and what the vendor stores later is left to `effect`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from netaudience.sandbox.iterable.fields import (
    Identity,
    invalid_email,
    is_email,
    need,
    need_well_formed,
    refusal,
)
from netaudience.sandbox.iterable.provenance import MAX_DEVICES, MAX_MESSAGES, PLATFORMS
from netaudience.sandbox.iterable.responses import Manners
from netaudience.sandbox.iterable.state import IterableState, Profile, PushDevice, type_name
from netaudience.sandbox.protocol import Call, Change, Json
from netaudience.sandbox.responses import Answer, Refused, json_answer

UPDATE = "/api/users/update"
REGISTER_DEVICE = "/api/users/registerDeviceToken"
REGISTER_BROWSER = "/api/users/registerBrowserToken"
DISABLE_DEVICE = "/api/users/disableDevice"
FORGET = "/api/users/forget"
UPDATE_EMAIL = "/api/users/updateEmail"

_Find: TypeAlias = Callable[[], Sequence[Profile]]


class Writes:
    """The calls about one user of one Iterable project."""

    def __init__(self, state: IterableState, manners: Manners) -> None:
        self._state = state
        self._manners = manners

    def update(self, call: Call) -> Change:
        """Create or update a user."""
        body = self._manners.read(call, UPDATE)
        identity, data_fields = body.identity(), body.mapping("dataFields")
        prefer_user_id = body.flag("preferUserId") or False
        merge = body.flag("mergeNestedObjects") or False
        create = body.flag("createNewFields")
        body.finish()
        need(identity)
        kept: dict[str, Json] = {}

        def apply() -> Answer:
            self._admit(identity, prefer_user_id=prefer_user_id)
            create_new = self._state.create_new_fields if create is None else create
            judged = self._state.judge(data_fields, create=create_new, new={})
            if judged.mismatched:
                raise self._mismatch(data_fields, judged.mismatched)
            self.grow(judged.new)
            kept.update(judged.kept)
            return self._manners.success()

        def effect() -> None:
            profile = self._state.upsert(identity)
            if profile is not None:
                self._state.store(profile, kept, merge=merge)

        key = self._state.key(identity)
        return Change([key], apply, [(key, data_fields)], effect=effect)

    def grow(self, new: Mapping[str, str]) -> None:
        """Add fields to the schema, or refuse because it is full."""
        if len(self._state.schema) + len(new) > self._state.max_fields:
            message = f"The project has its {self._state.max_fields} unique user fields"
            raise refusal("UniqueFieldsLimitExceeded", message)
        self._state.schema.update(new)

    def register_device(self, call: Call) -> Change:
        """Register a device token with one user."""
        body = self._manners.read(call, REGISTER_DEVICE)
        identity, prefer_user_id = body.identity(), body.flag("preferUserId") or False
        given = body.inner("device")
        token, platform = given.wanted("token"), given.wanted("platform")
        device = PushDevice(token, platform, given.wanted("applicationName"), given.mapping("dataFields"))
        body.finish()
        need(identity)
        if identity.email is not None and identity.user_id is not None:
            raise refusal("BadParams", "Provide either an email or a userId, but not both")
        if platform not in PLATFORMS:
            raise refusal("BadParams", f"The platform must be one of {', '.join(PLATFORMS)}")

        def apply() -> Answer:
            self._admit(identity, prefer_user_id=prefer_user_id)
            if not token:
                user = self._state.key(identity)
                raise refusal("GenericError", f"Unable to register token to user Some({user})", 500)
            known = self._state.find(identity)
            if known is not None and token not in known.devices and len(known.devices) >= MAX_DEVICES:
                raise refusal("BadParams", f"The user has {MAX_DEVICES} devices already")
            profile = self._state.upsert(identity)
            if profile is not None:
                self._state.add_device(profile, device)
            return self._manners.success()

        return Change([token], apply)

    def register_browser(self, call: Call) -> Change:
        """Register a browser's token with one user."""
        body = self._manners.read(call, REGISTER_BROWSER)
        identity, token = body.identity(), body.wanted("browserToken")
        body.finish()
        need(identity)
        if (identity.email is not None and identity.user_id is not None) or not token:
            raise refusal("BadParams", "Provide a browserToken, and either an email or a userId")

        def apply() -> Answer:
            self._admit(identity, prefer_user_id=False)
            known = self._state.find(identity)
            if (
                known is not None
                and token not in known.browser_tokens
                and len(known.browser_tokens) >= MAX_DEVICES
            ):
                raise refusal("BadParams", f"The user has {MAX_DEVICES} browser tokens already")
            profile = self._state.upsert(identity)
            if profile is not None and token not in profile.browser_tokens:
                profile.browser_tokens.append(token)
            return self._manners.success()

        return Change([token], apply)

    def sent_messages(self, call: Call) -> Change:
        """The messages that were sent to a user: none, for this sandbox sends nothing."""
        given = [call.query[name] for name in ("email", "userId") if call.query.get(name)]
        limit = call.query.get("limit", "10")
        if len(given) != 1 or not limit.isdigit() or not 1 <= int(limit) <= MAX_MESSAGES:
            raise refusal("BadParams", "Provide either an email or a userId, and a limit from 1 to 1000")
        return Change(given, lambda: json_answer({"messages": []}))

    def disable_device(self, call: Call) -> Change:
        """Disable a token on one profile, or on all that hold it."""
        body = self._manners.read(call, DISABLE_DEVICE)
        token, identity = body.wanted("token"), body.identity()
        body.finish()
        need_well_formed(identity)

        def apply() -> Answer:
            for profile in self._state.by_token.get(token, ()):
                email_fits = identity.email is None or profile.email == identity.folded
                user_id_fits = identity.user_id is None or profile.user_id == identity.user_id
                if email_fits and user_id_fits:
                    profile.devices[token].endpoint_enabled = False
            return self._manners.success()

        return Change([token], apply)

    def forget(self, call: Call) -> Change:
        """Delete a user and refuse the identifiers from now on."""
        body = self._manners.read(call, FORGET)
        identity = body.identity()
        body.finish()
        need(identity)
        need_well_formed(identity)
        wanted = {"email": identity.email, "userId": identity.user_id}.get(self._state.project, "")
        if wanted is None:
            raise refusal("BadParams", f"This project identifies its users by {self._state.project}")
        gone: list[Profile] = []

        def apply() -> Answer:
            profile = self._state.forget(identity)
            gone.extend([] if profile is None else [profile])
            return self._manners.success()

        return Change([self._state.key(identity)], apply, effect=lambda: self._state.remove(gone))

    def update_email(self, call: Call) -> Change:
        """Give a user of an email-based project another e-mail."""
        body = self._manners.read(call, UPDATE_EMAIL)
        current = Identity(body.text("currentEmail"), body.text("currentUserId"))
        new_email = body.wanted("newEmail")
        body.finish()
        self._email_based(current, new_email)
        found: list[Profile] = []

        def apply() -> Answer:
            profile = self._state.find(current)
            if profile is None:
                code = "UnknownUserIdError" if current.email is None else "UnknownEmailError"
                raise refusal(code, "The current user does not exist")
            if self._state.objection(Identity(new_email)) == "forgotten":
                raise refusal("ForgottenUserError", "The new e-mail was forgotten", 409)
            if self._state.by_email.get(new_email.lower(), profile) is not profile:
                raise refusal("EmailAlreadyExists", f"The e-mail {new_email} exists already", 409)
            found.append(profile)
            return self._manners.success()

        def effect() -> None:
            for profile in found:
                if self._state.by_email.get(new_email.lower(), profile) is profile:
                    self._state.rename(profile, new_email)

        return Change([self._state.key(current)], apply, effect=effect)

    def delete_by_email(self, call: Call) -> Change:
        """Delete the user with an e-mail."""
        email = call.path["email"]
        need_well_formed(Identity(email))

        def find() -> Sequence[Profile]:
            profile = self._state.by_email.get(email.lower())
            if profile is None:
                raise refusal("NotFound", "No user with that email exists", 404)
            return [profile]

        return self._delete(email, find, "")

    def delete_by_user_id(self, call: Call) -> Change:
        """Delete every user with a userId."""
        user_id = call.path["userId"]

        def find() -> Sequence[Profile]:
            shared = self._state.of_user_id(user_id)
            if not shared:
                raise refusal("error.users.noUserWithIdExists", "No user with that id exists", 404)
            return shared

        message = f"All users associated with {user_id} were successfully deleted"
        return self._delete(user_id, find, message)

    def by_email(self, call: Call) -> Change:
        """Read a user by e-mail."""
        email = call.query.get("email", "")
        if not is_email(email):
            raise invalid_email(email)
        return Change([email], lambda: _user(self._state.by_email.get(email.lower())))

    def by_user_id(self, call: Call) -> Change:
        """Read a user by userId."""
        user_id = call.query.get("userId", "")
        if not user_id:
            raise refusal("BadParams", "A userId is required")
        return Change([user_id], lambda: _user(next(iter(self._state.of_user_id(user_id)), None)))

    def _email_based(self, current: Identity, new_email: str) -> None:
        """Refuse what no state could make right."""
        need(current)
        if self._state.project != "email":
            raise refusal("BadParams", "updateEmail is for email-based projects")
        if current.email is not None and not is_email(current.email):
            raise refusal("InvalidEmailAddressError", f"Invalid currentEmail {current.email}")
        if not is_email(new_email):
            raise refusal("InvalidEmailAddressError", f"Invalid newEmail {new_email}")

    def _admit(self, identity: Identity, *, prefer_user_id: bool) -> None:
        """Refuse a request about a user who cannot be changed."""
        match self._state.objection(identity, prefer_user_id=prefer_user_id):
            case None:
                return
            case "invalid":
                need_well_formed(identity)
            case "forgotten":
                raise forgotten()
            case "conflict":
                raise conflict()
            case "unknown":
                raise refusal("UnknownUserIdError", "No user with that id exists")

    def _mismatch(self, data_fields: Mapping[str, Json], names: Sequence[str]) -> Refused:
        errors = {
            name: {
                "incomingTypes": [type_name(data_fields[name], name)],
                "expectedType": self._state.schema[name],
                "category": "user",
                "offendingValue": data_fields[name],
                "_type": "UnexpectedType",
            }
            for name in names
        }
        text = "The request does not have the same data types for one or more fields"
        return refusal("RequestFieldsTypesMismatched", text, params={"validationErrors": errors})

    def _delete(self, key: str, find: _Find, message: str) -> Change:
        gone: list[Profile] = []

        def apply() -> Answer:
            gone.extend(find())
            return self._manners.success(message)

        return Change([key], apply, effect=lambda: self._state.remove(gone))


def forgotten() -> Refused:
    """A user who must not come back."""
    return refusal("ForgottenUserError", "The user was forgotten", 409)


def conflict() -> Refused:
    """Two identifiers of two users."""
    return refusal("ExternalKeyConflict", "The email and the userId belong to different users", 409)


def _user(profile: Profile | None) -> Answer:
    return json_answer({} if profile is None else {"user": profile.to_json()})
