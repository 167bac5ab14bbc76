import { getRouteApi, useRouter } from '@tanstack/react-router';
import { useEffect } from 'react';
import { safeNext } from '../../lib/search';
import { SignInForm } from './SignInForm';
import './login.css';

const route = getRouteApi('/login');

export function LoginPage() {
  const { next } = route.useSearch();
  const router = useRouter();
  useEffect(() => {
    document.title = 'Sign in · aerostore';
  }, []);
  return (
    <main className="login">
      <div className="card">
        <h1>Sign in to aerostore</h1>
        <SignInForm onSignedIn={() => void router.navigate({ to: safeNext(next), replace: true })} />
      </div>
    </main>
  );
}
