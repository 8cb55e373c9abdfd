-- The role and the database, if they are missing. Run by provision-db as user postgres; :locale is its choice.
select 'create role barbossa login'
 where not exists (select from pg_roles where rolname = 'barbossa')
\gexec
select 'create database barbossa owner barbossa template template0 encoding ''UTF8'' ' || :'locale'
 where not exists (select from pg_database where datname = 'barbossa')
\gexec
