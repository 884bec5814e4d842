# -*- coding: utf-8 -*-
# snapshottest: v1 - https://goo.gl/zC4yUc
from __future__ import unicode_literals

from snapshottest import Snapshot


snapshots = Snapshot()

snapshots['test_cursor_claims 1'] = {
    'exp': 1709298000,
    'k': '…',
    'n': 1,
    'p': 'today_stats',
    'q': 'year=2024',
    'v': 1
}

snapshots['test_graphql_errors 1'] = {
    'data': {
        'dashboard': {
            'overview': {
                'admin': 'ann'
            },
            'todayStats': None
        }
    },
    'errors': [
        {
            'extensions': {
                'code': 'PART_FAILED',
                'reference': '<reference 1>',
                'retryable': True
            },
            'locations': [
                {
                    'column': 34,
                    'line': 1
                }
            ],
            'message': 'This part could not be loaded.',
            'path': [
                'dashboard',
                'todayStats'
            ]
        }
    ]
}

snapshots['test_graphql_list_of_parts 1'] = {
    'data': {
        'dashboard': {
            'edges': [
                {
                    'node': {
                        'name': 'overview',
                        'status': 'PLANNED'
                    }
                },
                {
                    'node': {
                        'name': 'todayStats',
                        'status': 'PLANNED'
                    }
                },
                {
                    'node': {
                        'name': 'recentOrders',
                        'status': 'PLANNED'
                    }
                },
                {
                    'node': {
                        'name': 'inventoryAlerts',
                        'status': 'PLANNED'
                    }
                },
                {
                    'node': {
                        'name': 'salesAnalytics',
                        'status': 'PLANNED'
                    }
                },
                {
                    'node': {
                        'name': 'customerInsights',
                        'status': 'PLANNED'
                    }
                }
            ],
            'totalCount': 6
        }
    }
}

snapshots['test_graphql_pages 1'] = [
    {
        'data': {
            'dashboard': {
                'edges': [
                    {
                        'node': {
                            'customerInsights': None,
                            'error': None,
                            'inventoryAlerts': None,
                            'name': 'overview',
                            'overview': {
                                'admin': 'ann',
                                'storeName': 'Corner Shop',
                                'timestamp': '2024-03-01T12:00:00+00:00'
                            },
                            'recentOrders': None,
                            'salesAnalytics': None,
                            'status': 'OK',
                            'todayStats': None
                        }
                    },
                    {
                        'node': {
                            'customerInsights': None,
                            'error': None,
                            'inventoryAlerts': None,
                            'name': 'todayStats',
                            'overview': None,
                            'recentOrders': None,
                            'salesAnalytics': None,
                            'status': 'OK',
                            'todayStats': {
                                'newCustomers': 2,
                                'ordersToday': 2,
                                'revenueToday': '30.75'
                            }
                        }
                    },
                    {
                        'node': {
                            'customerInsights': None,
                            'error': None,
                            'inventoryAlerts': None,
                            'name': 'recentOrders',
                            'overview': None,
                            'recentOrders': [
                                {
                                    'createdAt': '2024-03-01T12:00:00Z',
                                    'customer': 'Ann',
                                    'id': '2',
                                    'status': 'paid',
                                    'total': '20.25'
                                },
                                {
                                    'createdAt': '2024-03-01T12:00:00Z',
                                    'customer': 'Ann',
                                    'id': '1',
                                    'status': 'paid',
                                    'total': '10.50'
                                }
                            ],
                            'salesAnalytics': None,
                            'status': 'OK',
                            'todayStats': None
                        }
                    }
                ],
                'pageInfo': {
                    'endCursor': '<cursor 1>',
                    'hasNextPage': True
                },
                'totalCount': 6
            }
        }
    },
    {
        'data': {
            'dashboard': {
                'edges': [
                    {
                        'node': {
                            'customerInsights': None,
                            'error': {
                                'code': 'part_failed',
                                'message': 'This part could not be loaded.',
                                'reference': '<reference 1>'
                            },
                            'inventoryAlerts': None,
                            'name': 'inventoryAlerts',
                            'overview': None,
                            'recentOrders': None,
                            'salesAnalytics': None,
                            'status': 'ERROR',
                            'todayStats': None
                        }
                    },
                    {
                        'node': {
                            'customerInsights': None,
                            'error': None,
                            'inventoryAlerts': None,
                            'name': 'salesAnalytics',
                            'overview': None,
                            'recentOrders': None,
                            'salesAnalytics': {
                                'avgOrderValue': '15.38',
                                'byMonth': [
                                    {
                                        'month': '2024-03-01',
                                        'orders': 2,
                                        'revenue': '30.75'
                                    }
                                ],
                                'conversionRate': 0.05,
                                'totalRevenue': '30.75'
                            },
                            'status': 'OK',
                            'todayStats': None
                        }
                    },
                    {
                        'node': {
                            'customerInsights': {
                                'churnRate': 0.0,
                                'lifetimeValue': '30.75',
                                'totalCustomers': 2
                            },
                            'error': None,
                            'inventoryAlerts': None,
                            'name': 'customerInsights',
                            'overview': None,
                            'recentOrders': None,
                            'salesAnalytics': None,
                            'status': 'OK',
                            'todayStats': None
                        }
                    }
                ],
                'pageInfo': {
                    'endCursor': '<cursor 1>',
                    'hasNextPage': False
                },
                'totalCount': 6
            }
        }
    }
]

snapshots['test_rest_options 1'] = {
    'description': "The shop's dashboard, two parts at a time: follow the cursor to the end.",
    'name': 'Dashboard',
    'parses': [
        'application/json',
        'application/x-www-form-urlencoded',
        'multipart/form-data'
    ],
    'parts': [
        'overview',
        'today_stats',
        'recent_orders',
        'inventory_alerts',
        'sales_analytics',
        'customer_insights'
    ],
    'renders': [
        'application/json',
        'text/html'
    ]
}

snapshots['test_rest_pages 1'] = [
    {
        'cursor': '<cursor 1>',
        'meta': {
            'current_chunk_size': 2,
            'has_more': True,
            'total_parts': 6
        },
        'results': [
            {
                'overview': {
                    'admin': 'ann',
                    'store_name': 'Corner Shop',
                    'timestamp': '2024-03-01T12:00:00Z'
                }
            },
            {
                'today_stats': {
                    'new_customers': 2,
                    'orders_today': 2,
                    'revenue_today': 30.75
                }
            }
        ]
    },
    {
        'cursor': '<cursor 1>',
        'errors': [
            {
                'code': 'part_failed',
                'message': 'This part could not be loaded.',
                'part': 'inventory_alerts',
                'reference': '<reference 1>',
                'retryable': True
            }
        ],
        'meta': {
            'current_chunk_size': 2,
            'has_more': True,
            'total_parts': 6
        },
        'results': [
            {
                'recent_orders': [
                    {
                        'created_at': '2024-03-01T12:00:00Z',
                        'customer': 'Ann',
                        'id': 2,
                        'status': 'paid',
                        'total': '20.25'
                    },
                    {
                        'created_at': '2024-03-01T12:00:00Z',
                        'customer': 'Ann',
                        'id': 1,
                        'status': 'paid',
                        'total': '10.50'
                    }
                ]
            },
            {
                'inventory_alerts': None
            }
        ]
    },
    {
        'cursor': None,
        'meta': {
            'current_chunk_size': 2,
            'has_more': False,
            'total_parts': 6
        },
        'results': [
            {
                'sales_analytics': {
                    'avg_order_value': 15.38,
                    'by_month': [
                        {
                            'conversion_rate': 0.05,
                            'month': '2024-03-01',
                            'orders': 2,
                            'revenue': 30.75
                        }
                    ],
                    'conversion_rate': 0.05,
                    'total_revenue': 30.75
                }
            },
            {
                'customer_insights': {
                    'buyers': 1,
                    'churn_rate': 0.0,
                    'lifetime_value': 30.75,
                    'total_customers': 2
                }
            }
        ]
    }
]

snapshots['test_sdl 1'] = '''"""What can be asked of the shop."""
type Query {
  """The dashboard, a few parts at a time; for staff."""
  dashboard(
    """How many parts to deliver; by default its chunk size."""
    first: Int

    """The cursor behind which to go on: a page\'s endCursor."""
    after: String
  ): DashboardConnection!
}

"""The shop\'s dashboard, part by part."""
type DashboardConnection {
  """Pagination data for this connection."""
  pageInfo: PageInfo!

  """Contains the nodes in this connection."""
  edges: [DashboardEdge!]!

  """How many parts the query selects that this user may see."""
  totalCount: Int!

  """Whose shop this is."""
  overview: Overview

  """Today so far."""
  todayStats: TodayStats

  """The newest orders."""
  recentOrders(
    """How many, at most 100; 20 by default."""
    limit: Int
  ): [RecentOrder!]

  """Products that run out."""
  inventoryAlerts: [Product!]

  """Revenue and conversion over time."""
  salesAnalytics: SalesAnalytics

  """Churn and lifetime value."""
  customerInsights: CustomerInsights
}

"""
The Relay compliant `PageInfo` type, containing data necessary to paginate this connection.
"""
type PageInfo {
  """When paginating forwards, are there more items?"""
  hasNextPage: Boolean!

  """When paginating backwards, are there more items?"""
  hasPreviousPage: Boolean!

  """When paginating backwards, the cursor to continue."""
  startCursor: String

  """When paginating forwards, the cursor to continue."""
  endCursor: String
}

"""A Relay edge containing a `Dashboard` and its cursor."""
type DashboardEdge {
  """The item at the end of the edge"""
  node: DashboardPart!

  """A cursor for use in pagination"""
  cursor: String!
}

"""One part of `Dashboard`: the field of its name is filled."""
type DashboardPart implements ProgressivePart {
  """The name of the part\'s field."""
  name: String!

  """In which way it ended."""
  status: PartStatus!

  """Why it failed; null where it did not."""
  error: PartError

  """Whose shop this is."""
  overview: Overview

  """Today so far."""
  todayStats: TodayStats

  """The newest orders."""
  recentOrders(
    """How many, at most 100; 20 by default."""
    limit: Int
  ): [RecentOrder!]

  """Products that run out."""
  inventoryAlerts: [Product!]

  """Revenue and conversion over time."""
  salesAnalytics: SalesAnalytics

  """Churn and lifetime value."""
  customerInsights: CustomerInsights
}

"""
One part of a progressive connection: what it is called and how it ended.
"""
interface ProgressivePart {
  """The name of the part\'s field."""
  name: String!

  """In which way it ended."""
  status: PartStatus!

  """Why it failed; null where it did not."""
  error: PartError
}

"""In which way a part ended."""
enum PartStatus {
  """It is here."""
  OK

  """Its own source failed; this is the fallback declared for that."""
  FALLBACK

  """It failed."""
  ERROR

  """It took longer than its limit."""
  TIMEOUT

  """This user may not see it."""
  DENIED

  """It is part of the response, and this query does not select it."""
  PLANNED
}

"""Why a part failed, as data: the rest of the page is unharmed."""
type PartError {
  """
  For programs: part_failed, part_timed_out, permission_denied, not_found, or the code of the exception.
  """
  code: String!

  """For people."""
  message: String!

  """Whether asking again may help."""
  retryable: Boolean!

  """Also on the server\'s log record of this failure."""
  reference: String!
}

"""Whose shop this is, and who looks at it."""
type Overview {
  """The name of the shop."""
  storeName: String!

  """When this page was made."""
  timestamp: DateTime!

  """The user who asked for it."""
  admin: String!
}

"""
The `DateTime` scalar type represents a DateTime
value as specified by
[iso8601](https://en.wikipedia.org/wiki/ISO_8601).
"""
scalar DateTime

"""What happened since midnight."""
type TodayStats {
  """Orders placed today."""
  ordersToday: Int!

  """What they come to."""
  revenueToday: Decimal!

  """Customers who signed up today."""
  newCustomers: Int!
}

"""The `Decimal` scalar type represents a python Decimal."""
scalar Decimal

"""An order, as the REST serializer shows it."""
type RecentOrder {
  """Its number."""
  id: ID!

  """The customer\'s name."""
  customer: String!

  """When it was placed, in ISO 8601."""
  createdAt: String!

  """How far it has got."""
  status: String!

  """What it comes to."""
  total: Decimal!
}

"""A product of the shop."""
type Product {
  id: ID!
  name: String!
  sku: String!
  category: String!
  price: Decimal!
  stock: Int!
}

"""Sales over all time, cancelled and refunded orders left out."""
type SalesAnalytics {
  """What all orders come to."""
  totalRevenue: Decimal!

  """Their average."""
  avgOrderValue: Decimal!

  """Orders per visitor, from 0 to 1."""
  conversionRate: Float

  """The same month by month."""
  byMonth: [MonthlySales!]!
}

"""The sales of one month."""
type MonthlySales {
  """Its first day."""
  month: Date!

  """What its orders come to."""
  revenue: Decimal!

  """How many there were."""
  orders: Int!

  """Orders per visitor, from 0 to 1."""
  conversionRate: Float
}

"""
The `Date` scalar type represents a Date
value as specified by
[iso8601](https://en.wikipedia.org/wiki/ISO_8601).
"""
scalar Date

"""How customers come, stay and leave."""
type CustomerInsights {
  """All who ever signed up."""
  totalCustomers: Int!

  """Those who ever bought."""
  buyers: Int!

  """Buyers without an order for half a year, 0 to 1."""
  churnRate: Float

  """What a buyer spends on average."""
  lifetimeValue: Decimal!
}'''
