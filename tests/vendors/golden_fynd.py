"""Fynd's requests, written from its page of the audience and its SDKs' documents, and from nothing else.

Source: https://partners.sngz0.de/help/docs/sdk/latest/platform/application/audience
Paths: https://github.com/gofynd/fdk-client-python
"""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st
from scripted_vendors import AT_ONCE, CLEAN, EMAILS, NUMBERS, Golden, Scripted, Table, reply

from netaudience import FyndClient
from netaudience.model.wire import Prepared, Response
from netaudience.vendors.fynd.models import (
    AttributeDefinition,
    AttributeDefinitionUpdate,
    AttributeValidation,
    BulkUpdateQueued,
    BulkUserAttributes,
    CategorisedGroups,
    Customer,
    CustomerSearch,
    CustomerUndeletion,
    CustomerUpdate,
    Deleted,
    Done,
    Email,
    Group,
    GroupCategories,
    GroupCategory,
    GroupFileError,
    GroupMember,
    GroupReplacement,
    GroupTags,
    GroupUpdate,
    Job,
    JobCount,
    JobLink,
    JobLinks,
    KeyValue,
    NewAttributeDefinition,
    NewCustomer,
    NewGroup,
    NewImport,
    PhoneNumber,
    RefreshStarted,
    Session,
    SessionKey,
    Sessions,
    SessionsEnded,
    Timeline,
    TimelineEntry,
    UserAttribute,
    UserAttributeKey,
    UserAttributeKeys,
    UserAttributesSet,
    UserAttributeValue,
    UserAttributeValues,
    UserSummary,
)

HOST = "https://api.fynd.com"
P = f"{HOST}/service/platform/user/v1.0/company/559/application/64b000000000000000000001"
TOKEN_URL = f"{HOST}/service/panel/authentication/v1.0/company/559/oauth/token"
GROUP_ID, USER_ID, DEFINITION_ID = "64f1" + "1" * 20, "64f2" + "2" * 20, "64f6" + "6" * 20

#: The three paths that nobody documents, confirmed as a user would.
CONFIRMED = {
    "list_group_tags": "GET /user_group/tags",
    "list_categorised_groups": "/user_group/categorised",
    "refresh_group": "POST /user_group/{group_id}/refresh",
}


class ScriptedFynd(Scripted):
    """A script that gives a token to whoever asks for one, and keeps those requests apart."""

    def __init__(self, *answers: Response) -> None:
        super().__init__(*answers)
        self.tokens: list[Prepared] = []
        #: What the next requests for a token are answered with, before tokens are given again.
        self.token_answers: list[Response] = []

    async def send(self, request: Prepared, /) -> Response:
        if str(request.url) != TOKEN_URL:
            return await super().send(request)
        self.tokens.append(request)
        if self.token_answers:
            return self.token_answers.pop(0)
        return reply(200, {"access_token": "the-token", "expires_in": 3600})


def fynd(*answers: Response, **options) -> tuple[FyndClient, ScriptedFynd]:
    """Make a Fynd client on a script."""
    transport = ScriptedFynd(*answers)
    options = {"routes": CONFIRMED, "settings": AT_ONCE, **options}
    client = FyndClient(
        "client-1", "the-secret", "559", "64b000000000000000000001", transport=transport, **options
    )
    return client, transport


_DEFINITION_JSON = """{"_id":"5e68af49cfa09bf7233022f1","name":"example_name","slug":"example_key",
    "description":"example_description","application_id":"application_id_example","type":"string",
    "multi_value":false,"customer_editable":true,"encrypted":false,"pinned":true,"pin_order":2,
    "validations":[{"type":"min","value":1}],"is_locked":false,"default_value":null,
    "created_by":"5f6d1d7774e48a04969b2ea7","updated_by":"5f6d1d7774e48a04969b2ea7",
    "created_at":"2023-10-17T10:00:00.000Z","modified_at":"2023-10-17T10:05:00.000Z"}"""
_DEFINITION = AttributeDefinition(
    id="5e68af49cfa09bf7233022f1",
    name="example_name",
    slug="example_key",
    description="example_description",
    type="string",
    validations=(AttributeValidation("min", 1),),
    encrypted=False,
    pinned=True,
    pin_order=2,
    customer_editable=True,
    is_locked=False,
    created_at="2023-10-17T10:00:00.000Z",
    modified_at="2023-10-17T10:05:00.000Z",
    application_id="application_id_example",
    created_by="5f6d1d7774e48a04969b2ea7",
    updated_by="5f6d1d7774e48a04969b2ea7",
    unknown={"multi_value": False},
)
_GROUP_JSON = """{"uid":469,"name":"test2","description":"test2","application_id":"000000000000000000000004",
    "status":"pending","is_active":true,"type":"bulk","_id":"6540da9759b4f70ad817ace7","category":"l1",
    "file_url":"testuerl2","created_at":"2023-10-31T10:44:39.809Z","total_users":{"count":3},
    "modified_at":"2023-10-31T10:44:39.809Z","__v":0,"error":{"count":2,"file_url":"rejected.csv"}}"""
_GROUP = Group(
    id="6540da9759b4f70ad817ace7",
    uid=469,
    name="test2",
    description="test2",
    file_url="testuerl2",
    application_id="000000000000000000000004",
    type="bulk",
    status="pending",
    category="l1",
    total_users={"count": 3},
    created_at="2023-10-31T10:44:39.809Z",
    modified_at="2023-10-31T10:44:39.809Z",
    is_active=True,
    version=0,
    error=GroupFileError(2, "rejected.csv"),
)
_ATTRIBUTE_JSON = """{"_id":"a1","application_id":"app","user_id":"u1","user_attribute_definition_id":"d1",
    "attribute":{"key":"tier","value":null},"type":"string","updated_by":"x","customer_overridden":true,
    "more":1}"""
_ATTRIBUTE = UserAttribute(
    id="a1",
    application_id="app",
    user_id="u1",
    user_attribute_definition_id="d1",
    attribute=KeyValue("tier"),
    type="string",
    updated_by="x",
    customer_overridden=True,
    unknown={"more": 1},
)
_USER_JSON = """{"user_id":"u1","emails":[{"email":"a@example.com","primary":true,"verified":true,
    "active":true}],"phone_numbers":[{"phone":"9999999999","country_code":91,"verified":true,
    "primary":true,"active":false}]}"""
_USER = UserSummary(
    "u1",
    (Email("a@example.com", primary=True, verified=True, active=True),),
    (PhoneNumber("9999999999", 91, verified=True, primary=True, active=False),),
)
_LAST = '{"type":"number","current":1,"size":10,"item_total":0,"has_next":false,"has_previous":false}'
_LAST_BY_CURSOR = '{"type":"cursor","has_next":false,"has_prev":true,"next_cursor":null,"prev_cursor":"c0"}'
_DELETED = '{"message":"Deleted","success":"true"}'
_FIRST_PAGE = (("page_no", "1"), ("page_size", "100"))
_FILE = "https://files.example.com/members.csv"

_JOB_JSON = """{"_id":"64f777777777777777777777","file_format":"csv","action_type":"import",
    "created_by":{"name":"somebody"},"count":{"total":3,"success":2,"error":1},"status":"partial",
    "links":{"error":{"absolute_url":"https://files.example.com/e.csv","relative_url":"/e.csv"}},
    "application_id":"64b000000000000000000001","company_id":"559"}"""
_JOB = Job(
    id="64f777777777777777777777",
    file_format="csv",
    action_type="import",
    created_by={"name": "somebody"},
    count=JobCount(3, 2, 1),
    status="partial",
    links=JobLinks(error=JobLink("https://files.example.com/e.csv", "/e.csv")),
    application_id="64b000000000000000000001",
    company_id="559",
)

GOLDEN = [
    Golden(
        operation="list_attribute_definitions",
        method="GET",
        url=f"{P}/user_attribute/definition",
        query=_FIRST_PAGE,
        answer=f'{{"items":[{_DEFINITION_JSON}],"page":{_LAST}}}',
        reads=[_DEFINITION],
    ),
    Golden(
        operation="list_attribute_definitions",
        options={
            "name": "n",
            "slug": "s",
            "type": "string",
            "customer_editable": False,
            "encrypted": False,
            "pinned": True,
            "is_locked": False,
            "page_no": 0,
            "page_size": 10,
        },
        method="GET",
        url=f"{P}/user_attribute/definition",
        query=(
            ("name", "n"),
            ("slug", "s"),
            ("type", "string"),
            ("customer_editable", "false"),
            ("encrypted", "false"),
            ("pinned", "true"),
            ("is_locked", "false"),
            ("page_no", "0"),
            ("page_size", "10"),
        ),
        answer=f'{{"items":[],"page":{_LAST}}}',
        reads=[],
    ),
    Golden(
        operation="create_attribute_definition",
        arguments=(
            {
                "name": "example_name",
                "slug": "example_key",
                "description": "example_description",
                "type": "string",
            },
        ),
        url=f"{P}/user_attribute/definition",
        body="""{"name":"example_name","slug":"example_key","description":"example_description",
            "type":"string"}""",
        status=201,
        answer=_DEFINITION_JSON,
        reads=_DEFINITION,
    ),
    Golden(
        operation="create_attribute_definition",
        arguments=(NewAttributeDefinition("n", "s", "d", "encrypted_date_time"),),
        url=f"{P}/user_attribute/definition",
        body='{"name":"n","slug":"s","description":"d","type":"encrypted_date_time"}',
        answer=_DEFINITION_JSON,
        reads=_DEFINITION,
    ),
    Golden(
        operation="get_attribute_definition",
        arguments=(DEFINITION_ID,),
        method="GET",
        url=f"{P}/user_attribute/definition/64f666666666666666666666",
        answer=_DEFINITION_JSON,
        reads=_DEFINITION,
    ),
    Golden(
        operation="update_attribute_definition",
        arguments=({"definition_id": DEFINITION_ID, "customer_editable": False},),
        method="PUT",
        url=f"{P}/user_attribute/definition/64f666666666666666666666",
        body='{"customer_editable":false}',
        answer=_DEFINITION_JSON,
        reads=_DEFINITION,
    ),
    Golden(
        operation="update_attribute_definition",
        arguments=(AttributeDefinitionUpdate("d1", name="n", description="d", type="number"),),
        method="PUT",
        url=f"{P}/user_attribute/definition/d1",
        body='{"name":"n","description":"d","type":"number"}',
        answer=_DEFINITION_JSON,
        reads=_DEFINITION,
    ),
    Golden(
        operation="delete_attribute_definition",
        arguments=("64f777777777777777777777",),
        options={"confirm": True},
        method="DELETE",
        url=f"{P}/user_attribute/definition/64f777777777777777777777",
        answer=_DELETED,
        reads=Deleted("Deleted", success="true"),
    ),
    Golden(
        operation="bulk_update_user_attributes",
        arguments=({"file_url": _FILE, "attributes": {"tier": "gold", "age": 24}},),
        method="PATCH",
        url=f"{P}/user_attribute/bulk_update",
        body=f'{{"file_url":"{_FILE}","attributes":[{{"key":"tier","value":"gold"}},{{"key":"age","value":24}}]}}',
        status=202,
        answer='{"success":true,"message":"Queued","processing_type":"async","job_id":"j1","status_code":202}',
        reads=BulkUpdateQueued(True, "Queued", "async", "j1", 202),
    ),
    Golden(
        operation="bulk_update_user_attributes",
        arguments=(BulkUserAttributes(_FILE, {"tags": ["a", "b"]}),),
        method="PATCH",
        url=f"{P}/user_attribute/bulk_update",
        body=f'{{"file_url":"{_FILE}","attributes":[{{"key":"tags","value":["a","b"]}}]}}',
        status=202,
        answer='{"success":true,"request_id":"r1","processing_type":"async"}',
        reads=BulkUpdateQueued(True, processing_type="async", unknown={"request_id": "r1"}),
    ),
    Golden(
        operation="list_user_attributes",
        options={"user_id": USER_ID},
        method="GET",
        url=f"{P}/user_attribute/user/64f222222222222222222222",
        query=_FIRST_PAGE,
        answer=f'{{"items":[{_ATTRIBUTE_JSON}],"page":{_LAST}}}',
        reads=[_ATTRIBUTE],
    ),
    Golden(
        operation="list_user_attributes",
        options={"user_id": "u1", "type": "string", "name": "tier", "page_no": 3, "page_size": 1},
        method="GET",
        url=f"{P}/user_attribute/user/u1",
        query=(("type", "string"), ("name", "tier"), ("page_no", "3"), ("page_size", "1")),
        answer=f'{{"items":[],"page":{_LAST}}}',
        reads=[],
    ),
    Golden(
        operation="get_user_attribute",
        arguments=(USER_ID,),
        options={"definition_id": DEFINITION_ID},
        method="GET",
        url=f"{P}/user_attribute/definition/64f666666666666666666666/user/64f222222222222222222222",
        answer=_ATTRIBUTE_JSON,
        reads=_ATTRIBUTE,
    ),
    Golden(
        operation="set_user_attribute",
        arguments=({"user_id": USER_ID, "definition_id": "64f888888888888888888888", "value": "gold"},),
        method="PUT",
        url=f"{P}/user_attribute/definition/64f888888888888888888888/user/64f222222222222222222222",
        body='{"attribute":{"value":"gold"}}',
        status=201,
        answer=_ATTRIBUTE_JSON,
        reads=_ATTRIBUTE,
    ),
    Golden(
        operation="set_user_attribute",
        arguments=(UserAttributeValue("u1", "d1", [1, 2.5], customer_overridden=False),),
        method="PUT",
        url=f"{P}/user_attribute/definition/d1/user/u1",
        body='{"attribute":{"value":[1,2.5]},"customer_overridden":false}',
        answer=_ATTRIBUTE_JSON,
        reads=_ATTRIBUTE,
    ),
    Golden(
        operation="delete_user_attribute",
        arguments=({"user_id": USER_ID, "definition_id": "64f999999999999999999999"},),
        method="DELETE",
        url=f"{P}/user_attribute/definition/64f999999999999999999999/user/64f222222222222222222222",
        answer=_DELETED,
        reads=Deleted("Deleted", success="true"),
    ),
    Golden(
        operation="delete_user_attribute",
        arguments=(UserAttributeKey("u1", "d1"),),
        method="DELETE",
        url=f"{P}/user_attribute/definition/d1/user/u1",
        answer='{"message":"Deleted","success":true}',
        reads=Deleted("Deleted", success=True),
    ),
    Golden(
        operation="set_user_attributes",
        arguments=({"user_id": "u1", "attributes": {"d1": "gold", "d2": True}},),
        url=f"{P}/user_attribute/user/u1",
        body='{"attributes":[{"definition_id":"d1","value":"gold"},{"definition_id":"d2","value":true}]}',
        answer=f'{{"success":true,"attributes":[{_ATTRIBUTE_JSON}]}}',
        reads=UserAttributesSet(True, (_ATTRIBUTE,)),
    ),
    Golden(
        operation="set_user_attributes",
        arguments=(UserAttributeValues("u1", {"d1": ["a"]}),),
        url=f"{P}/user_attribute/user/u1",
        body='{"attributes":[{"definition_id":"d1","value":["a"]}]}',
        answer='{"success":true}',
        reads=UserAttributesSet(True),
    ),
    Golden(
        operation="delete_user_attributes",
        arguments=({"user_id": "u1", "definition_ids": ["d1", "d2"]},),
        method="DELETE",
        url=f"{P}/user_attribute/user/u1",
        body='{"definition_ids":["d1","d2"]}',
        answer=_DELETED,
        reads=Deleted("Deleted", success="true"),
    ),
    Golden(
        operation="delete_user_attributes",
        arguments=(UserAttributeKeys("u1", ["d1"]),),
        method="DELETE",
        url=f"{P}/user_attribute/user/u1",
        body='{"definition_ids":["d1"]}',
        answer=_DELETED,
        reads=Deleted("Deleted", success="true"),
    ),
    Golden(
        operation="search_customers",
        options={"q": "a+b@example.com"},
        method="GET",
        url=f"{P}/customers/search",
        query=(("q", "a+b@example.com"),),
        answer=f'{{"users":[{_USER_JSON}]}}',
        reads=CustomerSearch((_USER,)),
    ),
    Golden(
        operation="search_customers",
        options={"query": ["a b", "ü&x=1"]},
        method="GET",
        url=f"{P}/customers/search",
        query=(("query", "a b"), ("query", "ü&x=1")),
        answer='{"users":[]}',
        reads=CustomerSearch(),
    ),
    # A customer as the SDKs show one, whose id goes by another name.
    Golden(
        operation="search_customers",
        options={"q": "gone"},
        method="GET",
        url=f"{P}/customers/search",
        query=(("q", "gone"),),
        answer='{"users":[{"_id":"u2","archive":true,"status":"deleted","deleted_on":"2026-11-01",'
        '"application_id":"64b000000000000000000001","username":"ann","account_type":"user",'
        '"profile_pic_url":"https://files.example.com/ann.png","rr_id":"r2"}]}',
        reads=CustomerSearch(
            (
                UserSummary(
                    "u2",
                    id="u2",
                    archive=True,
                    status="deleted",
                    deleted_on="2026-11-01",
                    application_id="64b000000000000000000001",
                    username="ann",
                    account_type="user",
                    profile_pic_url="https://files.example.com/ann.png",
                    rr_id="r2",
                ),
            )
        ),
    ),
    Golden(
        operation="list_customers",
        options={"q": "ada"},
        method="GET",
        url=f"{P}/customers/list",
        query=(*_FIRST_PAGE, ("q", "ada")),
        answer=f'{{"items":[{_USER_JSON}],"page":{_LAST}}}',
        reads=[_USER],
    ),
    Golden(
        operation="get_customer_timeline",
        arguments=("u1",),
        method="GET",
        url=f"{P}/customers/u1/timeline",
        answer='{"delete_on":"2026-12-01","timeline":[{"date":"2026-11-01","title":"Deletion requested",'
        '"type":"delete","visible":true,"sub_title":null}]}',
        reads=Timeline(
            "2026-12-01", (TimelineEntry("2026-11-01", "Deletion requested", None, "delete", True),)
        ),
    ),
    Golden(
        operation="start_user_import",
        arguments=({"absolute_url": _FILE, "file_format": "csv"},),
        url=f"{P}/users/jobs/import",
        body=f'{{"absolute_url":"{_FILE}","file_format":"csv"}}',
        answer=_JOB_JSON,
        reads=_JOB,
    ),
    Golden(
        operation="start_user_import",
        arguments=(NewImport(_FILE, "csv", "/members.csv"),),
        url=f"{P}/users/jobs/import",
        body=f'{{"absolute_url":"{_FILE}","file_format":"csv","relative_url":"/members.csv"}}',
        answer=_JOB_JSON,
        reads=_JOB,
    ),
    Golden(
        operation="list_user_imports",
        options={
            "search": "night",
            "start_date": "2026-11-01",
            "end_date": "2026-11-02",
            "status": "partial",
            "file_format": "csv",
        },
        method="GET",
        url=f"{P}/users/jobs/import",
        query=(
            *_FIRST_PAGE,
            ("search", "night"),
            ("start_date", "2026-11-01"),
            ("end_date", "2026-11-02"),
            ("status", "partial"),
            ("file_format", "csv"),
        ),
        answer=f'{{"items":[{_JOB_JSON}],"page":{_LAST}}}',
        reads=[_JOB],
    ),
    Golden(
        operation="start_user_export",
        options={"file_format": "csv"},
        url=f"{P}/users/jobs/export",
        body='{"file_format":"csv"}',
        answer=_JOB_JSON,
        reads=_JOB,
    ),
    Golden(
        operation="list_user_exports",
        method="GET",
        url=f"{P}/users/jobs/export",
        query=_FIRST_PAGE,
        answer=f'{{"items":[],"page":{_LAST}}}',
        reads=[],
    ),
    Golden(
        operation="wait_for_user_job",
        options={"job_id": "64f777777777777777777777"},
        method="GET",
        url=f"{P}/users/jobs/64f777777777777777777777",
        answer=_JOB_JSON,
        reads=_JOB,
    ),
    Golden(
        operation="get_user_job",
        arguments=("64f777777777777777777777",),
        method="GET",
        url=f"{P}/users/jobs/64f777777777777777777777",
        answer=_JOB_JSON,
        reads=_JOB,
    ),
    Golden(
        operation="list_group_tags",
        method="GET",
        url=f"{P}/user_group/tags",
        answer='{"items":["vip","new"]}',
        reads=GroupTags(("vip", "new")),
    ),
    Golden(
        operation="list_group_categories",
        options={"category": "l1"},
        method="GET",
        url=f"{P}/user_group/categories",
        query=(("category", "l1"),),
        answer='{"items":[{"name":"Level 1","key":"l1","description":"","shape":"not shown"}]}',
        reads=GroupCategories((GroupCategory("Level 1", "l1", "", {"shape": "not shown"}),)),
    ),
    Golden(
        operation="list_group_categories",
        method="GET",
        url=f"{P}/user_group/categories",
        answer='{"items":[]}',
        reads=GroupCategories(),
    ),
    Golden(
        operation="list_categorised_groups",
        method="GET",
        url=f"{P}/user_group/categorised",
        answer='{"user_groups":{"l1":[1,2],"l2":[]}}',
        reads=CategorisedGroups({"l1": [1, 2], "l2": []}),
    ),
    Golden(
        operation="list_groups",
        method="GET",
        url=f"{P}/user_group",
        query=_FIRST_PAGE,
        answer=f'{{"items":[{_GROUP_JSON},{_GROUP_JSON}],"page":{_LAST}}}',
        reads=[_GROUP, _GROUP],
    ),
    Golden(
        operation="list_groups",
        options={
            "status": "pending",
            "type": "bulk",
            "name": "test",
            "group_uid": "469",
            "tags": "vip",
            "category": "l1",
            "page_no": 2,
            "page_size": 10,
        },
        method="GET",
        url=f"{P}/user_group",
        query=(
            ("status", "pending"),
            ("type", "bulk"),
            ("name", "test"),
            ("group_uid", "469"),
            ("tags", "vip"),
            ("category", "l1"),
            ("page_no", "2"),
            ("page_size", "10"),
        ),
        answer=f'{{"items":[],"page":{_LAST}}}',
        reads=[],
    ),
    Golden(
        operation="create_group",
        arguments=({"name": "test2", "description": "test2", "category": "l1", "file_url": _FILE},),
        url=f"{P}/user_group",
        body=f'{{"name":"test2","description":"test2","category":"l1","file_url":"{_FILE}"}}',
        status=201,
        answer=_GROUP_JSON,
        reads=_GROUP,
    ),
    Golden(
        operation="create_group",
        arguments=(NewGroup("n", "d", "l2", "HTTP://files.example.com/a.csv"),),
        url=f"{P}/user_group",
        body='{"name":"n","description":"d","category":"l2","file_url":"HTTP://files.example.com/a.csv"}',
        answer=_GROUP_JSON,
        reads=_GROUP,
    ),
    Golden(
        operation="get_group",
        arguments=(GROUP_ID,),
        method="GET",
        url=f"{P}/user_group/64f111111111111111111111",
        answer=_GROUP_JSON,
        reads=_GROUP,
    ),
    Golden(
        operation="update_group",
        arguments=({"group_id": GROUP_ID, "file_url": _FILE},),
        method="PATCH",
        url=f"{P}/user_group/64f111111111111111111111",
        body=f'{{"file_url":"{_FILE}"}}',
        answer=_GROUP_JSON,
        reads=_GROUP,
    ),
    Golden(
        operation="update_group",
        arguments=(GroupUpdate("g1", name="n", description="d"),),
        method="PATCH",
        url=f"{P}/user_group/g1",
        body='{"name":"n","description":"d"}',
        answer=_GROUP_JSON,
        reads=_GROUP,
    ),
    Golden(
        operation="add_group_users",
        arguments=(
            [{"user_id": USER_ID}, GroupMember(email="a@example.com"), {"phone_number": "9999999999"}],
        ),
        options={"group_id": GROUP_ID},
        method="PATCH",
        url=f"{P}/user_group/64f111111111111111111111",
        body='{"type":"json","user_data":[{"user_id":"64f222222222222222222222","action":"add"},'
        '{"email":"a@example.com","action":"add"},{"phone_number":"9999999999","action":"add"}]}',
        answer=_GROUP_JSON,
        reads=_GROUP,
    ),
    Golden(
        operation="remove_group_users",
        arguments=([GroupMember("u1")],),
        options={"group_id": "g1"},
        method="PATCH",
        url=f"{P}/user_group/g1",
        body='{"type":"json","user_data":[{"user_id":"u1","action":"remove"}]}',
        answer=_GROUP_JSON,
        reads=_GROUP,
    ),
    Golden(
        operation="create_group",
        arguments=(
            {
                "name": "n",
                "description": "d",
                "type": "conditional",
                "conditions": [{"user_attribute_definition_id": "d1", "type": "eq", "value": "gold"}],
            },
        ),
        url=f"{P}/user_group",
        body='{"name":"n","description":"d","type":"conditional","conditions":['
        '{"user_attribute_definition_id":"d1","type":"eq","value":"gold"}]}',
        answer=_GROUP_JSON,
        reads=_GROUP,
    ),
    Golden(
        operation="delete_group",
        arguments=("64f555555555555555555555",),
        method="DELETE",
        url=f"{P}/user_group/64f555555555555555555555",
        answer='{"id":"64f555555555555555555555","success":true}',
        reads=Deleted(success=True, id="64f555555555555555555555"),
    ),
    Golden(
        operation="list_group_users",
        options={
            "group_id": GROUP_ID,
            "cursor": USER_ID,
            "direction": "next",
            "page_no": 1,
            "page_size": 10,
        },
        method="GET",
        url=f"{P}/user_group/64f111111111111111111111/users",
        query=(("cursor", USER_ID), ("direction", "next"), ("page_no", "1"), ("page_size", "10")),
        answer=f'{{"items":[{_USER_JSON}],"page":{_LAST_BY_CURSOR}}}',
        reads=[_USER],
    ),
    Golden(
        operation="list_group_users",
        options={"group_id": "g1", "q": "9999", "blacklisted_users": False},
        method="GET",
        url=f"{P}/user_group/g1/users",
        query=(("q", "9999"), ("blacklisted_users", "false"), ("page_size", "100")),
        answer=f'{{"items":[],"page":{_LAST_BY_CURSOR}}}',
        reads=[],
    ),
    Golden(
        operation="refresh_group",
        arguments=(GROUP_ID,),
        url=f"{P}/user_group/64f111111111111111111111/refresh",
        status=202,
        answer='{"message":"Refresh started","uid":469}',
        reads=RefreshStarted("Refresh started", 469),
    ),
    Golden(
        operation="replace_group",
        arguments=(GroupReplacement("g1", "n", "d", "bulk", _FILE),),
        method="PUT",
        url=f"{P}/user_group/g1",
        body=f'{{"name":"n","description":"d","type":"bulk","file_url":"{_FILE}"}}',
        answer=_GROUP_JSON,
        reads=_GROUP,
    ),
    Golden(
        operation="replace_group",
        arguments=(
            {"group_id": "g1", "conditions": [{"user_attribute_definition_id": "d1", "type": "today"}]},
        ),
        method="PUT",
        url=f"{P}/user_group/g1",
        body='{"conditions":[{"user_attribute_definition_id":"d1","type":"today"}]}',
        answer=_GROUP_JSON,
        reads=_GROUP,
    ),
    Golden(
        operation="get_user_attribute_by_id",
        arguments=("a1",),
        method="GET",
        url=f"{P}/user_attribute/attribute/a1",
        answer='{"_id":"a1","user_id":"u1","user_attribute_definition_id":"d1",'
        '"attribute":{"key":"tier","value":"gold"}}',
        reads=UserAttribute(
            "a1", user_id="u1", user_attribute_definition_id="d1", attribute=KeyValue("tier", "gold")
        ),
    ),
    Golden(
        operation="filter_users",
        options={
            "conditions": [{"definition_id": "d1", "type": "in", "value": ["gold"], "ignore_year": True}],
            "joined_by": "and",
            "has_email": True,
            "page_size": 10,
        },
        url=f"{P}/user_attribute/users",
        body='{"query":{"type":"and","limit":10,"page":1,"conditions":[{"definition_id":"d1","type":"in",'
        '"value":["gold"],"ignore_year":true}],"has_email":true}}',
        answer=f'{{"items":[{_USER_JSON}],"page":{_LAST}}}',
        reads=[_USER],
    ),
    Golden(
        operation="filter_users",
        options={
            "email": "a@example.com",
            "phone": "9999999999",
            "country_code": "91",
            "has_phone": False,
            "definition_ids": ["d1"],
            "page": 2,
        },
        url=f"{P}/user_attribute/users",
        body='{"query":{"limit":100,"page":2,"conditions":[],"definition_ids":["d1"],"email":"a@example.com",'
        '"phone":"9999999999","country_code":"91","has_phone":false}}',
        answer=f'{{"items":[],"page":{_LAST}}}',
        reads=[],
    ),
    Golden(
        operation="create_customer",
        arguments=({"phone_number": "9999999999", "email": "a@example.com", "meta": {"a": 1}},),
        options={"verified": True},
        url=f"{P}/customers",
        query=(("verified", "true"),),
        body='{"phone_number":"9999999999","email":"a@example.com","meta":{"a":1}}',
        answer=f'{{"user":{_USER_JSON}}}',
        reads=Customer(_USER),
    ),
    Golden(
        operation="create_customer",
        arguments=(NewCustomer(username="ada", external_id="c-1", rr_id="r-1", dob=date(1990, 5, 17)),),
        url=f"{P}/customers",
        body='{"username":"ada","external_id":"c-1","rr_id":"r-1","dob":"1990-05-17"}',
        answer=f'{{"user":{_USER_JSON}}}',
        reads=Customer(_USER),
    ),
    Golden(
        operation="update_customer",
        arguments=(
            {
                "user_id": "u1",
                "first_name": "Ada",
                "emails": [{"email": "a@example.com", "primary": True}],
                "phone_numbers": [{"phone": "9999999999", "country_code": "91"}],
            },
        ),
        method="PUT",
        url=f"{P}/customers/u1",
        body='{"first_name":"Ada","emails":[{"email":"a@example.com","primary":true}],'
        '"phone_numbers":[{"phone":"9999999999","country_code":"91"}]}',
        answer=f'{{"user":{_USER_JSON}}}',
        reads=Customer(_USER),
    ),
    Golden(
        operation="update_customer",
        arguments=(CustomerUpdate("u1", last_name="L", gender="female", external_id="c-1"),),
        method="PUT",
        url=f"{P}/customers/u1",
        body='{"last_name":"L","gender":"female","external_id":"c-1"}',
        answer=f'{{"user":{_USER_JSON}}}',
        reads=Customer(_USER),
    ),
    Golden(
        operation="set_customer_activation",
        arguments=(["u1", "u2"],),
        options={"status": False, "reason": "asked for it"},
        method="PUT",
        url=f"{P}/customers/activation",
        body='{"status":false,"user_id":["u1","u2"],"reason":"asked for it"}',
        answer='{"success":true}',
        reads=Done(success=True),
    ),
    Golden(
        operation="archive_customer",
        arguments=("u1",),
        method="PUT",
        url=f"{P}/customers/archive",
        body='{"user_id":"u1"}',
        answer='{"success":true}',
        reads=Done(success=True),
    ),
    Golden(
        operation="undelete_customer",
        arguments=({"user_id": "u1", "reason": "changed her mind", "reason_id": "7"},),
        method="PUT",
        url=f"{P}/customers/undelete",
        body='{"user_id":"u1","reason":"changed her mind","reason_id":"7"}',
        answer='{"message":"done"}',
        reads=Done("done"),
    ),
    Golden(
        operation="undelete_customer",
        arguments=(CustomerUndeletion("u1"),),
        method="PUT",
        url=f"{P}/customers/undelete",
        body='{"user_id":"u1"}',
        answer='{"success":true}',
        reads=Done(success=True),
    ),
    Golden(
        operation="get_customer_sessions",
        arguments=("u1",),
        method="GET",
        url=f"{P}/customers/sessions",
        query=(("id", "u1"),),
        answer='{"items":[{"session_id":"s1","user_agent":"curl","ip":"192.0.2.1","domain":"example.com",'
        '"expire_in":"2026-12-01"}]}',
        reads=Sessions((Session("s1", "curl", "192.0.2.1", "example.com", "2026-12-01"),)),
    ),
    Golden(
        operation="end_customer_sessions",
        arguments=("u1",),
        options={"reason": "lost"},
        method="DELETE",
        url=f"{P}/customers/sessions",
        query=(("id", "u1"), ("reason", "lost")),
        answer='{"user_id":"u1","session_ids":["s1","s2"]}',
        reads=SessionsEnded("u1", session_ids=("s1", "s2")),
    ),
    Golden(
        operation="end_customer_session",
        arguments=({"id": "u1", "session_id": "s1"},),
        method="DELETE",
        url=f"{P}/customers/session",
        query=(("id", "u1"), ("session_id", "s1")),
        answer='{"user_id":"u1","session_id":"s1"}',
        reads=SessionsEnded("u1", "s1"),
    ),
    Golden(
        operation="end_customer_session",
        arguments=(SessionKey("u1", "s1"),),
        options={"reason": "lost"},
        method="DELETE",
        url=f"{P}/customers/session",
        query=(("id", "u1"), ("session_id", "s1"), ("reason", "lost")),
        answer='{"user_id":"u1","session_id":"s1"}',
        reads=SessionsEnded("u1", "s1"),
    ),
]

_CALLS = {
    *("replace_group", "get_user_attribute_by_id", "create_customer", "update_customer"),
    *("archive_customer", "undelete_customer", "get_customer_sessions"),
    *("end_customer_sessions", "end_customer_session"),
    *("create_attribute_definition", "get_attribute_definition", "update_attribute_definition"),
    *("delete_attribute_definition", "bulk_update_user_attributes", "get_user_attribute"),
    *("set_user_attribute", "delete_user_attribute", "set_user_attributes", "delete_user_attributes"),
    *("create_group", "get_group", "update_group", "delete_group", "refresh_group"),
    *("get_customer_timeline", "start_user_import", "get_user_job"),
}
_BATCHES = {"add_group_users", "remove_group_users", "set_customer_activation"}
_QUERIES = {
    "search_customers",
    "start_user_export",
    "wait_for_user_job",
    "list_group_tags",
    "list_group_categories",
    "list_categorised_groups",
}
_PAGES = {
    *("list_attribute_definitions", "list_user_attributes", "list_groups", "list_group_users"),
    *("list_customers", "list_user_imports", "list_user_exports", "filter_users"),
}
_NOT_REPEATABLE = {
    *("create_attribute_definition", "bulk_update_user_attributes", "create_group", "update_group"),
    *("refresh_group", "start_user_import", "start_user_export", "replace_group", "create_customer"),
}
_REPEATABLE = (_CALLS | _BATCHES | _QUERIES | _PAGES) - _NOT_REPEATABLE

_IDS = CLEAN.filter(lambda text: text not in {".", ".."} and "/" not in text and "\\" not in text)
_VALUES = st.booleans() | NUMBERS | CLEAN | st.lists(CLEAN, max_size=2)
_NAMED_VALUES = st.dictionaries(CLEAN, _VALUES, min_size=1, max_size=3)
_FILES = CLEAN.map(lambda text: f"https://files.example.com/{text}")

TABLE = Table(
    vendor=FyndClient,
    make=fynd,
    headers={"Authorization": "Bearer the-token"},
    golden=GOLDEN,
    marks={
        "idempotent": _REPEATABLE,
        "destructive": {
            *("delete_attribute_definition", "delete_user_attribute", "delete_user_attributes"),
            *("delete_group", "replace_group"),
        },
        "irreversible": set(),
        "app_wide": {"delete_attribute_definition"},
    },
    shapes={
        **dict.fromkeys(_CALLS, ("call", None, 1)),
        **dict.fromkeys(_BATCHES, ("batch", None, 100)),
        **dict.fromkeys(_QUERIES, ("query", None, 1)),
        **dict.fromkeys(_PAGES, ("pages", None, 1)),
    },
    quotas={"fynd": {"requests per second": (5, "assumed"), "in flight": (4, "assumed")}},
    items={
        "str": _IDS,
        "NewAttributeDefinition": st.fixed_dictionaries(
            {"name": CLEAN, "slug": CLEAN, "description": CLEAN, "type": CLEAN}
        ),
        "AttributeDefinitionUpdate": st.fixed_dictionaries(
            {"definition_id": _IDS, "name": CLEAN},
            optional={"description": CLEAN, "type": CLEAN, "customer_editable": st.booleans()},
        ),
        "BulkUserAttributes": st.fixed_dictionaries({"file_url": _FILES, "attributes": _NAMED_VALUES}),
        "UserAttributeValue": st.fixed_dictionaries(
            {"user_id": _IDS, "definition_id": _IDS, "value": _VALUES},
            optional={"customer_overridden": st.booleans()},
        ),
        "UserAttributeKey": st.fixed_dictionaries({"user_id": _IDS, "definition_id": _IDS}),
        "UserAttributeValues": st.fixed_dictionaries({"user_id": _IDS, "attributes": _NAMED_VALUES}),
        "UserAttributeKeys": st.fixed_dictionaries(
            {"user_id": _IDS, "definition_ids": st.lists(CLEAN, min_size=1, max_size=3)}
        ),
        "NewGroup": st.fixed_dictionaries(
            {"name": CLEAN, "description": CLEAN, "category": CLEAN, "file_url": _FILES}
        ),
        "GroupReplacement": st.fixed_dictionaries(
            {"group_id": _IDS, "name": CLEAN}, optional={"description": CLEAN, "file_url": _FILES}
        ),
        "NewCustomer": st.fixed_dictionaries(
            {"email": EMAILS},
            optional={"first_name": CLEAN, "meta": _NAMED_VALUES, "external_id": CLEAN},
        ),
        "CustomerUpdate": st.fixed_dictionaries(
            {"user_id": _IDS, "last_name": CLEAN},
            optional={"emails": st.lists(st.fixed_dictionaries({"email": EMAILS}), max_size=2)},
        ),
        "CustomerUndeletion": st.fixed_dictionaries({"user_id": _IDS}, optional={"reason": CLEAN}),
        "SessionKey": st.fixed_dictionaries({"id": CLEAN, "session_id": CLEAN}),
        "GroupMember": st.fixed_dictionaries({"user_id": CLEAN}),
        "NewImport": st.fixed_dictionaries({"absolute_url": _FILES, "file_format": CLEAN}),
        "GroupUpdate": st.fixed_dictionaries(
            {"group_id": _IDS, "description": CLEAN}, optional={"name": CLEAN, "file_url": _FILES}
        ),
    },
    unknown={
        **dict.fromkeys(
            (
                *("list_attribute_definitions", "create_attribute_definition"),
                *("get_attribute_definition", "update_attribute_definition"),
            ),
            frozenset({"multi_value"}),
        ),
        # Added by us, to see that what is not known is kept.
        **dict.fromkeys(
            (
                *("list_user_attributes", "get_user_attribute", "set_user_attribute"),
                "set_user_attributes",
            ),
            frozenset({"more"}),
        ),
        "bulk_update_user_attributes": {"request_id"},
        "list_group_categories": {"shape"},
    },
    more={
        **dict.fromkeys(
            _PAGES,
            lambda number, full: {
                "items": [{"name": "a"}] if full else [],
                "page": {"type": "number", "current": number, "has_next": True},
            },
        ),
        "list_group_users": lambda number, full: {
            "items": [{"name": "a"}] if full else [],
            "page": {"type": "cursor", "has_next": True, "next_cursor": f"c{number}"},
        },
    },
    answers={
        **dict.fromkeys(_CALLS | _BATCHES | _QUERIES, '{"success":true}'),
        **dict.fromkeys(_PAGES, '{"items":[],"page":{"has_next":false}}'),
    },
)
