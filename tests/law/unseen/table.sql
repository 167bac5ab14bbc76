-- Tables of the application, buckets, and helper functions.
-- @id T01
create policy t01 on storage.objects for select using (exists (select 1 from public.org_members m where m.user_id = auth.uid() and m.org_id::text = (storage.foldername(objects.name))[1]));
-- @id T02
create policy t02 on storage.objects for select using ((storage.foldername(name))[1] in (select org_id::text from public.org_members where user_id = (select auth.uid()) and status = 'active' and left_at is null));
-- @id T03
create policy t03 on storage.objects for select using (exists (select 1 from org_members m join projects p on p.org_id = m.org_id where m.user_id = auth.uid() and p.id::text = (storage.foldername(objects.name))[2]));
-- @id T04
create policy t04 on storage.objects for select using (auth.uid() in (select owner_id from public.projects where projects.name = objects.name));
-- @id T05
create policy t05 on storage.objects for select using ((select role from public.profiles where id = auth.uid()) in ('admin', 'manager'));
-- @id T06
create policy t06 on storage.objects for select using ((select count(*) from public.attachments a where a.owner_id = auth.uid()) < 3);
-- @id T07
create policy t07 on storage.objects for insert with check ((select count(*) from storage.buckets b where b.public) > 1);
-- @id T08
create policy t08 on storage.objects for select using (bucket_id in (select id from storage.buckets where public = true));
-- @id T09
create policy t09 on storage.objects for select using (exists (select 1 from storage.buckets b where b.id = bucket_id and b.owner = auth.uid()));
-- @id T10
create policy t10 on storage.objects for insert with check ((metadata ->> 'size')::bigint <= (select coalesce(file_size_limit, 100) from storage.buckets where buckets.id = bucket_id));
-- @id T11
create policy t11 on storage.objects for insert with check (metadata ->> 'mimetype' = any (select unnest(b.allowed_mime_types) from storage.buckets b where b.id = objects.bucket_id));
-- @id T12
create policy t12 on storage.objects for select using (name = (select file_path from public.attachments where owner_id = auth.uid() order by id limit 1));
-- @id T13
create policy t13 on storage.objects for select using (name = (select a.file_path from attachments a where a.status = 'final' order by a.id desc limit 1));
-- @id T14
create policy t14 on storage.objects for select using (not exists (select * from public.attachments where file_path = objects.name and status <> 'final'));
-- @id T15
create policy t15 on storage.objects for select using (exists (select 1 from attachments a left join profiles p on p.id = a.owner_id where a.file_path = objects.name and p.is_admin is not true));
-- @id T16
create policy t16 on storage.objects for select using (exists (select 1 from profiles p, org_members m where p.id = m.user_id and m.user_id = auth.uid() and p.org_id = m.org_id));
-- @id T17
create policy t17 on storage.objects for select using ((select is_admin from public.profiles where id = auth.uid()));
-- @id T18
create policy t18 on storage.objects for select using (coalesce((select p.is_admin from public.profiles p where p.id = auth.uid()), false));
-- @id T19
create policy t19 on storage.objects for select using (owner in (select id from profiles where org_id = (select org_id from profiles where id = auth.uid())));
-- @id T20
create policy t20 on storage.objects for select using (name = any (select file_path from attachments));
-- @id T21
create policy t21 on storage.objects for select using (name <> all (select coalesce(file_path, '') from attachments));
-- @id T22
create policy t22 on storage.objects for select using (name not in (select file_path from attachments where file_path is not null));
-- @id T23
create policy t23 on storage.objects for select using (name not in (select file_path from attachments));
-- @id T24
create policy t24 on storage.objects for select using (exists (select 1 from projects where name = storage.filename(objects.name)));
-- @id T25
create policy t25 on storage.objects for select using (exists (select 1 from public.projects p where p.name = name));
-- @id T26
create function public.t26_is_member(org text) returns boolean language sql stable security definer as $$
  select exists (select 1 from public.org_members m where m.org_id::text = org and m.user_id = auth.uid()) $$;
create policy t26 on storage.objects for select using (public.t26_is_member((storage.foldername(name))[1]));
-- @id T27
create or replace function t27_role(uid uuid default auth.uid()) returns text language sql stable as 'select role from public.profiles where id = uid';
create policy t27 on storage.objects for select using (t27_role(auth.uid()) = 'admin');
-- @id T28
create function public.t28_starts(text, text) returns bool language sql immutable as $$ select $1 like $2 || '/%' $$;
create policy t28 on storage.objects for select using (public.t28_starts(name, auth.uid()::text));
-- @id T29
create function public.t29_folder(p text) returns text language sql immutable strict as $$ select (storage.foldername(p))[1] $$;
create function public.t29_mine(p text) returns boolean language sql stable as $$ select public.t29_folder(p) = auth.uid()::text or public.t29_folder(p) = 'shared' $$;
create policy t29 on storage.objects for select using (public.t29_mine(name));
-- @id T30
create function public.t30_orgs() returns setof uuid language sql stable security definer set search_path = public as $$ select org_id from org_members where user_id = auth.uid() $$;
create policy t30 on storage.objects for select using ((storage.foldername(name))[1] in (select t30_orgs()::text));
-- @id T31
create function public.t31_orgs() returns setof uuid language sql stable security definer as $$ select m.org_id from public.org_members m where m.user_id = auth.uid() $$;
create policy t31 on storage.objects for select using (exists (select 1 from public.t31_orgs() as o where o::text = split_part(name, '/', 1)));
-- @id T32
create function public.t32_claim(claim text) returns text language sql stable as $$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> claim $$;
create policy t32 on storage.objects for select using (public.t32_claim('plan') = 'pro' or public.t32_claim(claim => 'aal') = 'aal2');
-- @id T33
alter table public.profiles enable row level security;
create policy profiles_self on public.profiles for select using (id = auth.uid());
create policy t33 on storage.objects for select using (exists (select 1 from profiles where is_admin) or name = 'x');
-- @id T34
alter table public.org_members enable row level security;
create policy members_see on public.org_members for select to authenticated using (status = 'active');
create policy t34 on storage.objects for select using (exists (select 1 from org_members m where m.user_id = auth.uid() and m.role = 'owner'));
-- @id T35
alter table public.projects enable row level security;
create policy projects_own on public.projects using (owner_id = auth.uid() or exists (select 1 from public.org_members m where m.org_id = projects.org_id and m.user_id = auth.uid()));
create policy t35 on storage.objects for select using (split_part(name, '/', 1) in (select id::text from public.projects));
-- @id T36
alter table public.attachments enable row level security;
create function public.t36_paths() returns setof text language sql stable security definer as $$ select file_path from public.attachments where status = 'final' $$;
create policy t36 on storage.objects for select using (name in (select t36_paths()) or exists (select 1 from public.attachments));
-- @id T37
create policy t37 on storage.buckets for select using (owner = auth.uid() or public);
-- @id T38
create policy t38 on storage.buckets for select using (id like 'doc%' and coalesce(file_size_limit, 0) < 1048577);
-- @id T39
create policy t39 on storage.buckets for all using ('image/png' = any (allowed_mime_types)) with check (cardinality(allowed_mime_types) > 0);
-- @id T40
create policy t40 on storage.buckets for select using (allowed_mime_types is null or allowed_mime_types @> '{"image/*"}');
-- @id T41
create policy t41 on storage.buckets for update using (owner_id = (select auth.uid()::text)) with check (not public);
-- @id T42
create policy t42 on storage.buckets for select using (name = id and type = 'STANDARD' and versioning_status <> 'ENABLED');
-- @id T43
create policy t43 on storage.objects for select using ((select b.public from storage.buckets b where b.id = objects.bucket_id) is true);
-- @id T44
create policy t44 on storage.objects for select using (exists (select 1 from (select org_id from public.org_members where user_id = auth.uid()) mine where mine.org_id::text = (storage.foldername(name))[1]));
-- @id T45
create policy t45 on storage.objects for select using ((select max(created_at) from public.profiles) > '2010-01-01');
-- @id T46
create policy t46 on storage.objects for select using ((storage.foldername(name))[1] = any (array(select org_id::text from public.org_members where user_id = auth.uid())));
-- @id T47
create function public.t47_can(bucket text, path text, uid uuid) returns boolean language sql stable security definer set search_path to 'public', 'pg_temp' as $$
  select case when bucket = 'docs' then exists (select 1 from attachments a where a.file_path = path and a.owner_id = uid)
              when bucket = 'x' then split_part(path, '/', 1) = uid::text else false end; $$;
create policy t47 on storage.objects using (public.t47_can(bucket_id, name, auth.uid())) with check (public.t47_can(bucket_id, name, auth.uid()));
-- @id T48
create policy t48 on storage.objects for select using (exists (select 1 from public.profiles p where p.id = auth.uid() and exists (select 1 from public.org_members m where m.org_id = p.org_id and m.user_id = objects.owner)));
-- @id T49
create policy t49 on storage.objects for select using ((select count(*) from public.org_members where org_members.user_id::text = owner_id and org_members.role = 'owner') >= 1);
-- @id T50
create policy t50 on storage.objects for select using (auth.uid() = (select owner_id from projects where id::text = split_part(objects.name, '/', 1)));
