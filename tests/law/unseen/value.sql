-- Metadata, sizes, types, times and numbers.
-- @id V01
create policy v01 on storage.objects for insert with check ((metadata ->> 'size')::int < 5242880);
-- @id V02
create policy v02 on storage.objects for insert with check (coalesce((metadata ->> 'size')::bigint, 0) <= 5 * 1024 * 1024);
-- @id V03
create policy v03 on storage.objects for insert with check (metadata ->> 'mimetype' in ('image/png', 'image/jpeg'));
-- @id V04
create policy v04 on storage.objects for insert with check (metadata ->> 'mimetype' like 'image/%' and lower(metadata ->> 'mimetype') <> 'image/svg+xml');
-- @id V05
create policy v05 on storage.objects for select using (user_metadata ->> 'department' = 'engineering');
-- @id V06
create policy v06 on storage.objects for select using (user_metadata @> '{"shared": true}'::jsonb);
-- @id V07
create policy v07 on storage.objects for select using (not coalesce((user_metadata ->> 'locked')::boolean, false));
-- @id V08
create policy v08 on storage.objects for select using (user_metadata -> 'visibility' ->> 'level' = '2');
-- @id V09
create policy v09 on storage.objects for select using ((user_metadata #>> '{visibility,level}')::int between 1 and 3);
-- @id V10
create policy v10 on storage.objects for select using (user_metadata -> 'tags' ? 'x');
-- @id V11
create policy v11 on storage.objects for select using (user_metadata ?& array['hidden', 'public']);
-- @id V12
create policy v12 on storage.objects for select using (user_metadata is null or user_metadata = '{}'::jsonb);
-- @id V13
create policy v13 on storage.objects for select using (jsonb_typeof(user_metadata -> 'size') = 'number' and (user_metadata ->> 'size')::numeric > 4);
-- @id V14
create policy v14 on storage.objects for select using (case when jsonb_typeof(metadata -> 'size') = 'number' then (metadata ->> 'size')::numeric <= 9 else false end);
-- @id V15
create policy v15 on storage.objects for select using ((metadata -> 'size')::int = 5);
-- @id V16
create policy v16 on storage.objects for select using (metadata -> 'size' = '5' or metadata -> 'size' = '1.0');
-- @id V17
create policy v17 on storage.objects for select using (created_at > now() - interval '30 days');
-- @id V18
create policy v18 on storage.objects for select using (created_at + interval '7 days' < now());
-- @id V19
create policy v19 on storage.objects for select using (extract(epoch from created_at) > 1000000000);
-- @id V20
create policy v20 on storage.objects for select using (created_at >= '2019-12-31'::timestamptz);
-- @id V21
create policy v21 on storage.objects for select using (created_at between '2001-01-01' and '2020-01-01 00:00:00+00');
-- @id V22
create policy v22 on storage.objects for select using (updated_at is distinct from created_at);
-- @id V23
create policy v23 on storage.objects for select using (now() < '2999-01-01'::timestamptz);
-- @id V24
create policy v24 on storage.objects for select using (date_trunc('day', created_at) = timestamptz '2001-02-03 00:00+00');
-- @id V25
create policy v25 on storage.objects for select using (to_timestamp((auth.jwt() ->> 'exp')::bigint) > now());
-- @id V26
create policy v26 on storage.objects for select using ((auth.jwt() ->> 'exp')::bigint > extract(epoch from now()));
-- @id V27
create policy v27 on storage.objects for select using (created_at::date = date '2001-02-03');
-- @id V28
create policy v28 on storage.objects for select using (version is not null and version ~ '^[0-9]+$' and version::numeric > 2000000000);
-- @id V29
create policy v29 on storage.objects for select using (id::text > '8' collate "C");
-- @id V30
create policy v30 on storage.objects for select using (id = '00000000-0000-4000-8000-000000000000' or id::text like '%a%');
-- @id V31
create policy v31 on storage.objects for select using (mod(length(name), 2) = 0 or length(name) % 3 = 1);
-- @id V32
create policy v32 on storage.objects for select using (length(name) / 2 * 2 = length(name));
-- @id V33
create policy v33 on storage.objects for select using (power(2, 3) = 8 and abs(-3) = 3 and greatest(length(name), 5) = 5);
-- @id V34
create policy v34 on storage.objects for select using (case when split_part(name, '/', 1) ~ '^\d{1,9}$' then split_part(name, '/', 1)::int > 41 else false end);
-- @id V35
create policy v35 on storage.objects for select using (split_part(name, '/', 1) = '42' or split_part(name, '/', 1) = 42::text);
-- @id V36
create policy v36 on storage.objects for select using (archived_at is null and is_delete_marker = false);
-- @id V37
create policy v37 on storage.objects for select using (is_delete_marker is not true and (not is_delete_marker) = true);
-- @id V38
create policy v38 on storage.objects for select using (1 = 1);
-- @id V39
create policy v39 on storage.objects for select using ('t'::boolean and not 'off'::bool);
-- @id V40
create policy v40 on storage.objects for select using (null);
-- @id V41
create policy v41 on storage.objects for select using (owner_id is null = (owner is null));
-- @id V42
create policy v42 on storage.objects for select using (owner_id = '' or owner_id is null or owner_id = 'somebody');
-- @id V43
create policy v43 on storage.objects for select using ((metadata ->> 'contentLength')::float8 > 99999.5);
-- @id V44
create policy v44 on storage.objects for select using ((metadata ->> 'size')::numeric::int = 5);
-- @id V45
create policy v45 on storage.objects for select using (round((metadata ->> 'size')::numeric, 1) = 5.0);
-- @id V46
create policy v46 on storage.objects for select using ((user_metadata -> 'locked')::boolean);
-- @id V47
create policy v47 on storage.objects for select using (user_metadata::text like '%"public"%');
-- @id V48
create policy v48 on storage.objects for select using (metadata <> '{}' and metadata is not null);
-- @id V49
create policy v49 on storage.objects for select using ((user_metadata -> 'tags' -> 1)::int + 1 = 2);
-- @id V50
create policy v50 on storage.objects for select using (user_metadata ->> 'public' > '0' collate "C");
-- @id V51
create policy v51 on storage.objects for select using (jsonb_extract_path_text(user_metadata, 'visibility', 'level') = 'x');
-- @id V52
create policy v52 on storage.objects for select using (created_at < current_timestamp and updated_at <= transaction_timestamp());
-- @id V53
create policy v53 on storage.objects for select using (age(now(), created_at) > interval '1 year');
-- @id V54
create policy v54 on storage.objects for select using (extract(year from created_at) = 2001 or date_part('dow', created_at) = 2);
-- @id V55
create policy v55 on storage.objects for select using (to_char(created_at, 'YYYY-MM') = '2019-12');
-- @id V56
create policy v56 on storage.objects for select using ((metadata ->> 'size') > '4');
-- @id V57
create policy v57 on storage.objects for select using (-2 ^ 2 = 4 and 7 / 2 = 3 and 7 % -2 = 1 and 2 - 1 - 1 = 0);
-- @id V58
create policy v58 on storage.objects for select using (0.1 + 0.2 = 0.3 and 1e1 = 10 and '1e3'::numeric = 1000);
-- @id V59
create policy v59 on storage.objects for select using (array[length(name), 3] @> array[3] and 3 <> all (array[1, length(name)]));
-- @id V60
create policy v60 on storage.objects for select using ((user_metadata - 'size') = '{}'::jsonb or user_metadata #- '{visibility,level}' = '{"visibility": {}}');
