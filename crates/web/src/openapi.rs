//! The OpenAPI document: made from the handlers, completed here, checked in at `openapi/nameplate-v1.json`.
//!
//! Handlers state what they answer when all is well; the problems that any handler of its kind can answer are
//! added here in one place, so that none is forgotten.

use std::sync::OnceLock;

use state::Role;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    Components, Header, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr, Required, Response,
    ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::{self, Kind, ProblemBody};
use crate::roles::{self, Endpoint, May};

/// Name of the scheme for API keys.
pub(crate) const KEY: &str = "key";
/// Name of the scheme for holders' tokens.
pub(crate) const TOKEN: &str = "token";
/// Name of the scheme for sessions of staff.
pub(crate) const SESSION: &str = "session";

/// The document as text, made once.
pub(crate) fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let mut text = document().to_pretty_json().unwrap_or_default();
        text.push('\n');
        text
    })
}

/// The document before the endpoints are added.
pub(crate) fn base() -> OpenApi {
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Nameplate")
                .version("1")
                .description(Some(
                    "Exact follower counts, sealed identities, and nameplates decided by cited rules. \
                     Every problem is an RFC 9457 document whose `type` is a page that explains it. \
                     Every answer names a position of the log that it includes.",
                ))
                .build(),
        )
        .components(Some(Components::new()))
        .build()
}

fn document() -> OpenApi {
    let (_, mut document) = roles::api(base()).split_for_parts();
    complete(&mut document);
    document
}

fn complete(document: &mut OpenApi) {
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme(
        KEY,
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .bearer_format("npk_<key id>_<secret>")
                .description(Some("An API key of one platform, with roles."))
                .build(),
        ),
    );
    components.add_security_scheme(
        TOKEN,
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .bearer_format("JWT")
                .description(Some(
                    "A holder's token, signed by the platform with EdDSA: `iss` is the platform, `sub` the account.",
                ))
                .build(),
        ),
    );
    components.add_security_scheme(
        SESSION,
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
            "nameplate_staff",
            "The session of a member of staff, `__Host-nameplate_staff` over TLS. Changes carry `Nameplate-Proof` as well.",
        ))),
    );
    components.schemas.insert(ProblemBody::name().into_owned(), ProblemBody::schema());
    components.schemas.insert(problem::Place::name().into_owned(), problem::Place::schema());
    components.schemas.values_mut().for_each(close);
    components.parameters.insert("IdempotencyKey".to_owned(), RefOr::T(idempotency_key()));
    for kind in problem::ALL {
        let mut response = problem_response(kind.status);
        response.headers.insert("Nameplate-Position".to_owned(), RefOr::T(position_header()));
        components.responses.insert(problem_name(kind.status), RefOr::T(response));
    }
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            let write = method != "get";
            if let Some(row) = roles::row(method, path) {
                operation.security = security(row);
            }
            add_problems(operation, write);
            add_headers(operation, write);
        }
    }
}

/// Objects have the properties that are named and no others, unless a schema says what else they may have.
fn close(schema: &mut RefOr<Schema>) {
    let RefOr::T(schema) = schema else { return };
    describe_inline(schema);
    match schema {
        Schema::Object(object) => {
            object.properties.values_mut().for_each(close);
            if object.additional_properties.is_none() && !object.properties.is_empty() {
                object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
            }
        }
        Schema::OneOf(one_of) => one_of.items.iter_mut().for_each(close),
        _ => {}
    }
}

/// The generator writes an inlined number with a description as "this number and also an object". Say it as one.
fn describe_inline(schema: &mut Schema) {
    let Schema::AllOf(all_of) = schema else { return };
    let [RefOr::T(Schema::Object(first)), RefOr::T(Schema::Object(second))] = all_of.items.as_slice() else {
        return;
    };
    if second.properties.is_empty() {
        let mut one = first.clone();
        one.description = second.description.clone().or(one.description);
        *schema = Schema::Object(one);
    }
}

/// The operations of a path, each with its method.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("get", item.get.as_mut()),
        ("put", item.put.as_mut()),
        ("post", item.post.as_mut()),
        ("delete", item.delete.as_mut()),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.map(|operation| (method, operation)))
}

/// What opens an endpoint, by its row: any one of these.
fn security(row: &Endpoint) -> Option<Vec<SecurityRequirement>> {
    let key = |role: &str| SecurityRequirement::new(KEY, [role]);
    let token = || SecurityRequirement::new(TOKEN, std::iter::empty::<&str>());
    let session = || SecurityRequirement::new(SESSION, std::iter::empty::<&str>());
    let keys = |roles: &[Role]| roles.iter().map(|role| key(role.as_str())).collect::<Vec<_>>();
    match row.may {
        May::Anybody => None,
        May::Root => Some(vec![key("root")]),
        May::Holder => Some(vec![token()]),
        May::Session => Some(vec![session()]),
        May::Duty(_) | May::Office => Some(keys(row.roles()).into_iter().chain([session()]).collect()),
        May::Keys(roles) => Some(keys(roles)),
        May::HolderOrKeys(roles) => Some(std::iter::once(token()).chain(keys(roles)).collect()),
    }
}

fn add_problems(operation: &mut Operation, write: bool) {
    let secured = operation.security.is_some();
    let mut statuses: Vec<u16> = vec![400, 404, 405, 500];
    if secured {
        statuses.extend([401, 403, 409, 503]);
    }
    // Logins fail in ways of their own, and need no credential.
    if operation.tags.as_ref().is_some_and(|tags| tags.iter().any(|tag| tag == "session")) && !secured {
        statuses.extend([401, 403, 429, 503]);
    }
    if operation.request_body.is_some() {
        statuses.extend([408, 413, 415, 422]);
    } else if write {
        statuses.push(422);
    }
    for status in statuses {
        let name = problem_name(status);
        operation
            .responses
            .responses
            .entry(status.to_string())
            .or_insert_with(|| RefOr::Ref(Ref::new(format!("#/components/responses/{name}"))));
    }
}

/// Name of the shared answer for all problems of a status.
fn problem_name(status: u16) -> String {
    format!("Problem{status}")
}

fn problem_response(status: u16) -> Response {
    let kinds: Vec<&Kind> = problem::ALL.iter().copied().filter(|kind| kind.status == status).collect();
    let about: Vec<String> = kinds.iter().map(|kind| format!("`{}`: {}", kind.slug, kind.title)).collect();
    let mut response = ResponseBuilder::new().description(about.join("; ")).content(
        "application/problem+json",
        ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name()))).build(),
    );
    if status == 401 {
        response = response.header("WWW-Authenticate", HeaderBuilder::new().schema(Some(a_string())).build());
    }
    if status == 405 {
        response = response.header("Allow", HeaderBuilder::new().schema(Some(a_string())).build());
    }
    response.build()
}

fn a_string() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).into()
}

fn position() -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Integer))
        .minimum(Some(0))
        .maximum(Some(i64::MAX))
        .description(Some("A position of the log; 0 is the empty log."))
        .into()
}

fn position_header() -> Header {
    HeaderBuilder::new()
        .schema(Some(position()))
        .description(Some("A position of the log that the answer includes."))
        .build()
}

/// Headers and parameters that every secured operation has.
fn add_headers(operation: &mut Operation, write: bool) {
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response.headers.insert("Nameplate-Position".to_owned(), RefOr::T(position_header()));
        }
    }
    if operation.security.is_none() {
        return;
    }
    let parameters = operation.parameters.get_or_insert_default();
    let reads = operation.operation_id.as_deref().is_some_and(|id| READS_BY_POST.contains(&id));
    if write && !reads {
        let about = operation.description.get_or_insert_default();
        if !about.is_empty() {
            about.push_str("\n\n");
        }
        about.push_str("Takes an `Idempotency-Key` (see `components.parameters`).");
        return;
    }
    let about = "The answer must include this position; waits a little, else `not-yet`.";
    for (name, place) in
        [("Nameplate-Min-Position", ParameterIn::Header), ("min_position", ParameterIn::Query)]
    {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(Required::False)
            .description(Some(about))
            .schema(Some(position()));
        parameters.push(RefOr::T(parameter.build()));
    }
}

/// The header of writes. It stands in the components and not at each operation: sent along with generated bodies, one
/// key would name many requests, and the answer to that is `key-reused`.
fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "A fresh key for each write. Sent again with the same request, the first answer is given again; with \
             another one, `key-reused`; before the first one is answered, `in-flight`.",
        ))
        .schema(Some(
            ObjectBuilder::new()
                .schema_type(SchemaType::Type(Type::String))
                .pattern(Some("^[!-~]{1,64}$"))
                .min_length(Some(1))
                .max_length(Some(64)),
        ))
        .build()
}

/// Operations that read although their method is POST: they take no idempotency key.
const READS_BY_POST: &[&str] = &["ask_nameplates", "preview_filter", "check_pack"];
