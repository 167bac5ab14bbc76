-- Folders, file names and patterns, the way starter kits, forum answers and dumps write them.
-- @id F01
CREATE POLICY "Give users access to own folder 1oj01fe_0" ON storage.objects FOR SELECT TO public USING (bucket_id = 'avatars' AND auth.uid()::text = (storage.foldername(name))[1]);
-- @id F02
create policy f02 on storage.objects for all to authenticated
using ( bucket_id = 'receipts' and ( (select auth.uid()) )::text = split_part(name, '/', 1) )
with check ( bucket_id = 'receipts' and ( (select auth.uid()) )::text = split_part(name, '/', 1) );
-- @id F03
CREATE POLICY f03 ON storage.objects FOR SELECT USING (path_tokens[1] = 'gallery' AND array_length(path_tokens, 1) = 2);
-- @id F04
create policy f04 on storage.objects for select using (name ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/');
-- @id F05
create policy f05 on storage.objects for insert with check (
  case when name ~ '^[0-9a-f-]{36}/' then (storage.foldername(name))[1]::uuid = auth.uid() else false end);
-- @id F06
create policy f06 on storage.objects for select using (storage.foldername(name) @> array['public']);
-- @id F07
create policy f07 on storage.objects for select using (storage.foldername(name) && array['public', 'shared']::text[]);
-- @id F08
create policy f08 on storage.objects for select using (array_position(storage.foldername(name), auth.uid()::text) = 1);
-- @id F09
create policy f09 on storage.objects for select using ('drafts' = any(storage.foldername(name)) is not true);
-- @id F10
create policy f10 on storage.objects for select using ((storage.foldername(name))[1] = any (string_to_array('red,green,,blue', ',')));
-- @id F11
create policy f11 on storage.objects for select using (name like any (array['menu/%', 'img\_%', '%.svg']));
-- @id F12
create policy f12 on storage.objects for select using (name not like all (array['tmp/%', '%~', '%.bak']));
-- @id F13
create policy f13 on storage.objects for select using (name ilike 'Poster/%' or storage.filename(name) ilike 'cover.%');
-- @id F14
create policy f14 on storage.objects for select using (name similar to '(jan|feb|mar)/[0-9]+%');
-- @id F15
create policy f15 on storage.objects for select using (position('/thumbs/' in name) > 0);
-- @id F16
create policy f16 on storage.objects for select using (strpos(name, '/') = 0);
-- @id F17
create policy f17 on storage.objects for select using (left(name, 7) = 'public/' and right(name, 4) in ('.png', '.jpg'));
-- @id F18
create policy f18 on storage.objects for select using (starts_with(name, concat('users/', auth.uid(), '/')));
-- @id F19
create policy f19 on storage.objects for select using (name like (auth.uid()::text || '/%'));
-- @id F20
create policy f20 on storage.objects for select using (name like 'u!_%' escape '!' or name like '100\%%');
-- @id F21
create policy f21 on storage.objects for select using (lower(storage.extension(name)) = any ('{jpg,jpeg,png,"svg"}'::text[]));
-- @id F22
create policy f22 on storage.objects for insert with check (storage.extension(lower(name)) not in ('exe', 'sh', 'bat'));
-- @id F23
create policy f23 on storage.objects for select using (cardinality(storage.foldername(name)) between 1 and 3);
-- @id F24
create policy f24 on storage.objects for select using (coalesce(array_length(storage.foldername(name), 1), 0) < 2);
-- @id F25
create policy f25 on storage.objects for select using ((string_to_array(name, '/'))[2] = auth.uid()::text and (string_to_array(name, '/'))[1] in ('en', 'de'));
-- @id F26
create policy f26 on storage.objects for select using ((storage.foldername(name))[array_length(storage.foldername(name), 1)] = 'final');
-- @id F27
create policy f27 on storage.objects for select using ((storage.foldername(name))[1:2] = array['team', 'logo']);
-- @id F28
create policy f28 on storage.objects for select using (split_part(storage.filename(name), '.', 1) = auth.uid()::text);
-- @id F29
create policy f29 on storage.objects for select using (split_part(name, '/', -1) = 'index.html');
-- @id F30
create policy f30 on storage.objects for select using (regexp_replace(name, '^.*/', '') = 'robots.txt');
-- @id F31
create policy f31 on storage.objects for select using (replace(name, ' ', '_') = name and trim(name) = name);
-- @id F32
create policy f32 on storage.objects for select using (length(name) < 12 or char_length(storage.filename(name)) > 20);
-- @id F33
create policy f33 on storage.objects for select using (octet_length(name) <> length(name));
-- @id F34
create policy f34 on storage.objects for select using (substring(name from 1 for 3) = 'pub' or substr(name, 5) = 'x');
-- @id F35
create policy f35 on storage.objects for select using (btrim(name, '/') = name and ltrim(name, '.') = name);
-- @id F36
create policy f36 on storage.objects for select using (name !~* '\.(php|phtml|cgi)$');
-- @id F37
create policy f37 on storage.objects for select using (name ~ '^(?:docs|wiki)/[^/]+\.md$');
-- @id F38
create policy f38 on storage.objects for select using ((name ~~ 'posts/%'::text) AND (NOT (name ~~* '%.DRAFT.%'::text)));
-- @id F39
CREATE POLICY "odd, quoted: name f39" ON "storage"."objects" AS PERMISSIVE FOR SELECT TO "public" USING (("objects"."name" = 'a'::text) OR (("objects"."bucket_id")::text = ANY ((ARRAY['docs'::character varying, 'x'::character varying])::text[])));
-- @id F40
create /* block /* nested */ comment */ policy f40 -- line comment
  on storage . objects for
  select using (( (( bucket_id )) = -- another
   'docs' ));
-- @id F41
create policy f41 on storage.objects for select using (name = E'tab\tname' or name = U&'\00e9t\00e9' or name = $q$it's$q$ or name = 'it''s');
-- @id F42
create policy f42 on storage.objects for select using (storage.objects.name = 'x' or objects.bucket_id = 'docs' and not (objects.name is null));
-- @id F43
create policy f43 on storage.objects for select using ((storage.foldername(name))[1] is not distinct from (auth.uid())::text);
-- @id F44
create policy f44 on storage.objects for select using (coalesce((storage.foldername(name))[1], '') = '');
-- @id F45
create policy f45 on storage.objects for select using (nullif(split_part(name, '/', 2), '') is null);
-- @id F46
create policy f46 on storage.objects for select using (concat_ws('/', 'inbox', auth.uid()::text) = array_to_string((path_tokens)[1:2], '/'));
-- @id F47
create policy f47 on storage.objects for select using (name like '%' || coalesce(auth.uid()::text, 'nobody') || '%');
-- @id F48
create policy f48 on storage.objects for select using (array_to_string(storage.foldername(name), '/') = 'a/b');
-- @id F49
create policy f49 on storage.objects for select using (name >= 'a' collate "C" and name < 'b' collate "C");
-- @id F50
create policy f50 on storage.objects for select using ((storage.foldername(name))[0] is null and (path_tokens)[-1] is null);
-- @id F51
create policy f51 on storage.objects for select using (storage.foldername(name) <@ array['a', 'b', 'c'] and storage.foldername(name) <> '{}');
-- @id F52
create policy f52 on storage.objects for select using (upper(left(name, 1)) || lower(substr(name, 2)) = initcap(name));
-- @id F53
create policy f53 on storage.objects for select using (name ~ '^\w+$' is false or bucket_id like 'pub_ic');
-- @id F54
create policy f54 on storage.objects for select using (name like '[a-c]*/%' or name like '?%' or name like '*' or name = '[');
-- @id F55
create policy f55 on storage.objects for select using (name ~ '^exports/(19|20)\d{2}-(0[1-9]|1[0-2])/');
-- @id F56
create policy f56 on storage.objects for select using (not name like '%/%' and not (name like '.%'));
-- @id F57
create policy f57 on storage.objects for select using (reverse(split_part(reverse(name), '/', 1)) = storage.filename(name));
-- @id F58
create policy f58 on storage.objects for select using (name ^@ 'shop/' and name not in ('shop/', 'shop/secret.txt'));
-- @id F59
create policy f59 on storage.objects for select using (bucket_id || '/' || name like 'docs/public/%');
-- @id F60
create policy f60 on storage.objects for select using (exists (select 1 from unnest(storage.foldername(name)) as part where part = 'open'));
