-- What the token says: metadata, roles, factors, plans; subjects as text and as uuid.
-- @id C01
create policy c01 on storage.objects for select using ((auth.jwt() -> 'app_metadata' ->> 'role') = 'admin');
-- @id C02
create policy c02 on storage.objects for select using (auth.jwt() #>> '{app_metadata,role}' in ('admin', 'editor'));
-- @id C03
create policy c03 on storage.objects for select using (((auth.jwt() -> 'app_metadata') ->> 'is_super_admin')::boolean);
-- @id C04
create policy c04 on storage.objects for select using (coalesce((auth.jwt() -> 'app_metadata' ->> 'is_super_admin')::bool, false) is true);
-- @id C05
create policy c05 on storage.objects for select using (auth.jwt() -> 'app_metadata' -> 'is_super_admin' = 'true'::jsonb);
-- @id C06
create policy c06 on storage.objects for select using (auth.jwt() @> '{"app_metadata": {"is_super_admin": true}}');
-- @id C07
create policy c07 on storage.objects for select using (auth.jwt() -> 'app_metadata' -> 'teams' ?| array['a', 'public']);
-- @id C08
create policy c08 on storage.objects for select using (jsonb_exists(auth.jwt() -> 'app_metadata', 'teams'));
-- @id C09
create policy c09 on storage.objects for select using ((select auth.jwt()) -> 'app_metadata' -> 'teams' @> to_jsonb((storage.foldername(name))[1]));
-- @id C10
create policy c10 on storage.objects for select using ((storage.foldername(name))[1] in (select jsonb_array_elements_text(coalesce(auth.jwt() -> 'app_metadata' -> 'teams', '[]'::jsonb))));
-- @id C11
create policy c11 on storage.objects for select using (((auth.jwt() -> 'app_metadata' ->> 'clearance')::int) >= 2);
-- @id C12
create policy c12 on storage.objects for select using (coalesce((auth.jwt() #>> '{app_metadata,clearance}')::numeric, -1) > 1.5);
-- @id C13
create policy c13 on storage.objects as restrictive for all using ((auth.jwt() ->> 'aal') = 'aal2');
-- @id C14
create policy c14 on storage.objects as restrictive for select to authenticated using (array[(select auth.jwt() ->> 'aal')] <@ array['aal1', 'aal2']);
-- @id C15
create policy c15 on storage.objects for select using ((select (auth.jwt() ->> 'is_anonymous')::boolean) is not true);
-- @id C16
create policy c16 on storage.objects for select using (auth.email() like '%@example.com' or auth.jwt() ->> 'email' ilike 'CEO@%');
-- @id C17
create policy c17 on storage.objects for select using (split_part(auth.email(), '@', 2) = 'example.org');
-- @id C18
create policy c18 on storage.objects for select using (lower(coalesce(auth.jwt() ->> 'email', '')) = lower('Ceo@Example.com'));
-- @id C19
create policy c19 on storage.objects for select using (auth.role() in ('anon', 'authenticated') and bucket_id = 'docs');
-- @id C20
create policy c20 on storage.objects for select using (current_setting('request.jwt.claims', true)::json ->> 'plan' = 'pro');
-- @id C21
create policy c21 on storage.objects for select using ((current_setting('request.jwt.claims', true)::jsonb -> 'app_metadata' ->> 'role') = 'manager');
-- @id C22
create policy c22 on storage.objects for select using (auth.jwt() ->> 'tenant_id' = (storage.foldername(name))[1]);
-- @id C23
create policy c23 on storage.objects for select using ((storage.foldername(name))[1] = (auth.jwt() ->> 'tenant_id')::text and auth.uid() is not null);
-- @id C24
create policy c24 on storage.objects for select using (owner = auth.uid() or owner_id = auth.uid()::text);
-- @id C25
create policy c25 on storage.objects for update using (auth.uid() = owner) with check (auth.uid() = owner and name not like '%/locked/%');
-- @id C26
create policy c26 on storage.objects for delete using ((auth.jwt() ->> 'sub')::uuid = owner);
-- @id C27
create policy c27 on storage.objects for select using (jsonb_typeof(auth.jwt() -> 'app_metadata') = 'object');
-- @id C28
create policy c28 on storage.objects for select using (jsonb_array_length(coalesce(auth.jwt() -> 'amr', '[]')) > 0);
-- @id C29
create policy c29 on storage.objects for select using (auth.jwt() -> 'amr' -> 0 ->> 'method' = 'otp' or auth.jwt() #> '{amr,0}' ? 'provider');
-- @id C30
create policy c30 on storage.objects for select using (auth.jwt() -> 'amr' -> -1 is not null);
-- @id C31
create policy c31 on storage.objects for select using ((auth.jwt() -> 'app_metadata' -> 'clearance')::text = '2');
-- @id C32
create policy c32 on storage.objects for select using (auth.jwt() -> 'app_metadata' -> 'clearance' > '1'::jsonb);
-- @id C33
create policy c33 on storage.objects for select using (auth.jwt() ->> 'plan' is distinct from 'pro');
-- @id C34
create policy c34 on storage.objects for select using (case auth.jwt() ->> 'plan' when 'pro' then true when '' then name like 'free/%' else bucket_id = 'x' end);
-- @id C35
create policy c35 on storage.objects for select using ((auth.jwt() -> 'missing' ->> 'key') is null and auth.jwt() ->> 'aal' is not null);
-- @id C36
create policy c36 on storage.objects for select using (auth.uid() in ('317eadce-631a-4429-a0bb-f19a7a517b4a', 'd8c7bce9-cfeb-497b-bd61-e66ce2cbdaa2'::uuid));
-- @id C37
create policy c37 on storage.objects for select using (auth.uid()::text = any (array['317EADCE-631A-4429-A0BB-F19A7A517B4A', 'x']) or auth.uid() = '{317EADCE-631A-4429-A0BB-F19A7A517B4A}');
-- @id C38
create policy c38 on storage.objects for select using (left(auth.uid()::text, 8) = left(name, 8));
-- @id C39
create policy c39 on storage.objects for select using (replace(auth.uid()::text, '-', '') = split_part(name, '/', 1));
-- @id C40
create policy c40 on storage.objects for select using ((auth.jwt() -> 'app_metadata' -> 'teams') - 'a' = '[]'::jsonb);
-- @id C41
create policy c41 on storage.objects for select using ((auth.jwt() || '{"plan": "pro"}') ->> 'plan' = 'pro');
-- @id C42
create policy c42 on storage.objects for select using (((auth.jwt() ->> 'is_anonymous') = 'false')::int = 1);
-- @id C43
create policy c43 on storage.objects for select using (coalesce(auth.jwt() ->> 'is_anonymous', 'false') not in ('true', 't', '1', 'yes'));
-- @id C44
create policy c44 on storage.objects for select using (nullif(auth.jwt() ->> 'is_anonymous', '')::boolean is null);
-- @id C45
create policy c45 on storage.objects for select using (coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''), 'guest') = (storage.foldername(name))[1]);
-- @id C46
create policy c46 on storage.objects for select using (auth.role() = 'authenticated'::text);
-- @id C47
create policy c47 on storage.objects for select using (exists (select from jsonb_array_elements(coalesce(auth.jwt() -> 'amr', '[]'::jsonb)) e where e ->> 'method' = 'otp'));
-- @id C48
create policy c48 on storage.objects for select using (auth.uid() is not null and bucket_id <> 'private' and (auth.jwt() ->> 'aal')::text <> ''::text);
-- @id C49
create policy c49 on storage.objects for select using (storage.operation() like '%list%' or storage.allow_only_operation('object.get_authenticated'));
-- @id C50
create policy c50 on storage.objects for select using (md5(coalesce(auth.uid()::text, '')) = split_part(name, '/', 1));
