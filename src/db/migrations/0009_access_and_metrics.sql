-- Ways in beside the password: tokens for programs, and accounts at an OpenID provider.

create table api_token (
    id           bigint generated always as identity,
    user_id      bigint not null,
    -- What it is for, in its owner's words.
    name         text not null,
    -- SHA-256 of the token; the token itself is only ever with the program.
    token_sha256 bytea not null,
    -- read: asks only; write: also what a member may; admin: also what its owner may as an admin.
    scope        text not null,
    created_at   timestamptz not null default now(),
    -- To five minutes.
    last_used_at timestamptz,
    -- Never, when null.
    expires_at   timestamptz,
    constraint api_token_pk primary key (id),
    constraint api_token_unique unique (token_sha256),
    constraint api_token_user_fk foreign key (user_id) references app_user (id) on delete cascade,
    constraint api_token_is_sha256 check (octet_length(token_sha256) = 32),
    constraint api_token_scope_known check (scope in ('read', 'write', 'admin')),
    constraint api_token_has_name check (char_length(name) between 1 and 100)
);
create index api_token_by_user on api_token (user_id);
-- An api process may keep a token in memory for some seconds, as it does a session.
create trigger api_token_deleted after delete on api_token for each row execute function session_ended();

-- Who someone is at an OpenID provider: the subject never changes there, names and addresses do.
create table user_identity (
    issuer     text not null,
    subject    text not null,
    user_id    bigint not null,
    created_at timestamptz not null default now(),
    constraint user_identity_pk primary key (issuer, subject),
    constraint user_identity_user_fk foreign key (user_id) references app_user (id) on delete cascade
);
create index user_identity_by_user on user_identity (user_id);

-- When this very dump was last restored into a scratch database and found whole.
alter table backup add column restored_at timestamptz;
