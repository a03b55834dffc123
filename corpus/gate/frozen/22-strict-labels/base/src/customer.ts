export interface Address {
  street: string;
  town: string;
  country?: string;
}

export interface Customer {
  name: string;
  address?: Address;
}
