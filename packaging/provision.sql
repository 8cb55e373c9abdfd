-- The role, the database, and an empty one in which the restore drill tries whether a backup can be restored, if they are
-- missing. (Given a database, the role need not be allowed to make one.) Run by provision-db as user postgres; :locale is its choice.
select 'create role barbossa login'
 where not exists (select from pg_roles where rolname = 'barbossa')
\gexec
select 'create database barbossa owner barbossa template template0 encoding ''UTF8'' ' || :'locale'
 where not exists (select from pg_database where datname = 'barbossa')
\gexec
select 'create database barbossa_drill owner barbossa template template0 encoding ''UTF8'' ' || :'locale'
 where not exists (select from pg_database where datname = 'barbossa_drill')
\gexec
