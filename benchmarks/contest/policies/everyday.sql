-- Eight policies as applications have them: folders of users and teams, shared files, avatars.
-- A server that is compared by its address has to have them as well.

-- A user's folder is named after the user's id.
create policy "users read their folder"
    on storage.objects for select to authenticated
    using (
        bucket_id in ('bench-private', 'bench-10000', 'bench-1000000')
        and (storage.foldername(name))[1] = (select auth.uid()::text)
    );

create policy "users add to their folder"
    on storage.objects for insert to authenticated
    with check (
        bucket_id in ('bench-private', 'bench-10000', 'bench-1000000')
        and (storage.foldername(name))[1] = (select auth.uid()::text)
    );

create policy "users replace in their folder"
    on storage.objects for update to authenticated
    using (bucket_id = 'bench-private' and (storage.foldername(name))[1] = (select auth.uid()::text));

create policy "owners delete what they own"
    on storage.objects for delete to authenticated
    using (owner_id = (select auth.uid()::text));

create policy "owners read what they own"
    on storage.objects for select to authenticated
    using (owner_id = (select auth.jwt() ->> 'sub'));

-- The token lists the teams of its user.
create policy "members read the folder of their team"
    on storage.objects for select to authenticated
    using (
        bucket_id = 'projects'
        and (select auth.jwt() -> 'app_metadata' -> 'teams') ? (storage.foldername(name))[1]
    );

create policy "signed-in users read what is shared"
    on storage.objects for select to authenticated
    using (bucket_id = 'shared');

create policy "avatars are pictures"
    on storage.objects for insert to authenticated
    with check (bucket_id = 'avatars' and storage.extension(name) in ('png', 'jpg', 'webp'));
