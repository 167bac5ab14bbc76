-- In the bucket `projects` a folder belongs to a team, and the token lists the teams of its user, so no table is asked.
create policy "members read the folder of their team"
    on storage.objects
    for select
    to authenticated
    using (
        bucket_id = 'projects'
        and (select auth.jwt() -> 'app_metadata' -> 'teams') ? (storage.foldername(name))[1]
    );

-- Members add files; only their owners replace or delete them, by the default policy.
create policy "members add to the folder of their team"
    on storage.objects
    for insert
    to authenticated
    with check (
        bucket_id = 'projects'
        and (select auth.jwt() -> 'app_metadata' -> 'teams') ? (storage.foldername(name))[1]
    );
