-- In the bucket `clipboard` every signed-in user reads what is younger than an hour; the objects themselves stay.
create policy "users read what is younger than an hour"
    on storage.objects
    for select
    to authenticated
    using (bucket_id = 'clipboard' and created_at > now() - interval '1 hour');

-- Guests read the bucket `exhibition` until the time that their token names, which may be long before it expires.
create policy "guests read until their access ends"
    on storage.objects
    for select
    to authenticated
    using (
        bucket_id = 'exhibition'
        and (select auth.jwt() -> 'app_metadata' ->> 'access_until')::timestamptz > now()
    );
