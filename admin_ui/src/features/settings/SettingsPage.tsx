import { useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { configQuery, useSession } from '../../api/queries';
import type { Config } from '../../api/types';
import { PageHead } from '../../ui/PageHead';
import { QueryView } from '../../ui/QueryView';
import { Tabs } from '../../ui/Tabs';
import { AboutPanel } from './AboutPanel';
import { AuditPanel } from './AuditPanel';
import { ConfigPanel } from './ConfigPanel';
import { PreferencesPanel } from './PreferencesPanel';
import { SessionsPanel } from './SessionsPanel';
import './settings.css';

const route = getRouteApi('/signed-in/settings');

export function SettingsPage() {
  const { part } = route.useSearch();
  const navigate = useNavigate();
  const session = useSession();
  const tabs = TABS.filter(({ isForService }) => !isForService || session?.is_service);
  return (
    <>
      <PageHead title="Settings" />
      <Tabs
        label="Settings"
        value={tabs.find(({ value }) => value === part)?.value ?? 'appearance'}
        tabs={tabs}
        onChange={(chosen) => void navigate({ to: '/settings', search: { part: chosen }, replace: true })}
      />
    </>
  );
}

function WithConfig({ children }: { children: (config: Config) => ReactNode }) {
  return (
    <QueryView query={useQuery(configQuery)} loading="Loading the configuration">
      {children}
    </QueryView>
  );
}

const TABS = [
  { value: 'appearance', label: 'Appearance', isForService: false, content: <PreferencesPanel /> },
  {
    value: 'configuration',
    label: 'Configuration',
    isForService: true,
    content: <WithConfig>{({ server }) => <ConfigPanel settings={server?.settings ?? []} />}</WithConfig>,
  },
  { value: 'sessions', label: 'Sessions', isForService: true, content: <SessionsPanel /> },
  { value: 'audit', label: 'Audit log', isForService: true, content: <AuditPanel /> },
  {
    value: 'about',
    label: 'About',
    isForService: false,
    content: <WithConfig>{(config) => <AboutPanel config={config} />}</WithConfig>,
  },
] as const;
