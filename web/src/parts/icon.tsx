// Line icons on a grid of 24, drawn here so that nothing is fetched.

const paths = {
  logo: 'M4 18V8l8-4 8 4v10M9 18v-6h6v6M2 18h20',
  devices: 'M4 5h7v6H4zM13 5h7v6h-7zM4 13h7v6H4zM13 13h7v6h-7z',
  fleet: 'M12 3v5M5 21v-5M19 21v-5M12 21v-5M5 16v-3h14v3M12 13V8M9 8h6',
  bus: 'M3 12h18M7 12V6M12 12v6M17 12V6M5 6h4M10 18h4M15 6h4',
  broker: 'M5 12a7 7 0 0 1 14 0M8 12a4 4 0 0 1 8 0M12 12v7M9 19h6',
  cloud: 'M7 18a4 4 0 0 1-.5-8A6 6 0 0 1 18 9.5a4.3 4.3 0 0 1-.5 8.5z',
  log: 'M5 6h14M5 10h10M5 14h14M5 18h8',
  config: 'M4 7h9M17 7h3M15 5v4M4 12h3M11 12h9M9 10v4M4 17h11M19 17h1M17 15v4',
  copy: 'M9 9h10v10H9zM5 15V5h10',
  back: 'M14 6l-6 6 6 6',
  search: 'M11 5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM16 16l4 4',
  bin: 'M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12',
  check: 'M5 13l4 4 10-11',
};

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d={paths[name]} /></svg>;
}
