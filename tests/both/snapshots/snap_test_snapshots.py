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
                        'name': 'salesForecast',
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
            'totalCount': 7
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
                            'salesForecast': None,
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
                            'salesForecast': None,
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
                            'salesForecast': None,
                            'status': 'OK',
                            'todayStats': None
                        }
                    }
                ],
                'pageInfo': {
                    'endCursor': '<cursor 1>',
                    'hasNextPage': True
                },
                'totalCount': 7
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
                            'salesForecast': None,
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
                            'salesForecast': None,
                            'status': 'OK',
                            'todayStats': None
                        }
                    },
                    {
                        'node': {
                            'customerInsights': None,
                            'error': None,
                            'inventoryAlerts': None,
                            'name': 'salesForecast',
                            'overview': None,
                            'recentOrders': None,
                            'salesAnalytics': None,
                            'salesForecast': {
                                'expected': 0,
                                'high': 0,
                                'low': 0
                            },
                            'status': 'OK',
                            'todayStats': None
                        }
                    }
                ],
                'pageInfo': {
                    'endCursor': '<cursor 1>',
                    'hasNextPage': True
                },
                'totalCount': 7
            }
        }
    },
    {
        'data': {
            'dashboard': {
                'edges': [
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
                            'salesForecast': None,
                            'status': 'OK',
                            'todayStats': None
                        }
                    }
                ],
                'pageInfo': {
                    'endCursor': '<cursor 1>',
                    'hasNextPage': False
                },
                'totalCount': 7
            }
        }
    }
]

snapshots['test_rest_options 1'] = {
    'description': "The shop's dashboard, two parts at a time: follow the cursor to the end.",
    'manifest': {
        'customer_insights': {
            'description': 'Churn and lifetime value',
            'title': 'Customers'
        },
        'inventory_alerts': {
            'description': 'Products that run out',
            'title': 'Inventory alerts'
        },
        'overview': {
            'title': 'Overview'
        },
        'recent_orders': {
            'description': 'The newest 20',
            'title': 'Recent orders'
        },
        'sales_analytics': {
            'description': 'Revenue and conversion by month',
            'title': 'Sales'
        },
        'sales_forecast': {
            'description': 'Revenue of the next twelve weeks',
            'title': 'Forecast'
        },
        'today_stats': {
            'description': 'Since midnight',
            'title': 'Today'
        }
    },
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
        'sales_forecast',
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
            'total_parts': 7
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
                'index': 1,
                'message': 'This part could not be loaded.',
                'part': 'inventory_alerts',
                'reference': '<reference 1>',
                'retryable': True
            }
        ],
        'meta': {
            'current_chunk_size': 2,
            'has_more': True,
            'total_parts': 7
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
        'cursor': '<cursor 1>',
        'meta': {
            'current_chunk_size': 2,
            'has_more': True,
            'total_parts': 7
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
                'sales_forecast': {
                    'by_week': [
                        {
                            'expected': 0,
                            'high': 0,
                            'low': 0,
                            'week': '2024-02-26'
                        },
                        {
                            'expected': 0,
                            'high': 0,
                            'low': 0,
                            'week': '2024-03-04'
                        },
                        {
                            'expected': 0,
                            'high': 0,
                            'low': 0,
                            'week': '2024-03-11'
                        },
                        {
                            'expected': 0,
                            'high': 0,
                            'low': 0,
                            'week': '2024-03-18'
                        },
                        {
                            'expected': 0,
                            'high': 0,
                            'low': 0,
                            'week': '2024-03-25'
                        },
                        {
                            'expected': 0,
                            'high': 0,
                            'low': 0,
                            'week': '2024-04-01'
                        },
                        {
                            'expected': 0,
                            'high': 0,
                            'low': 0,
                            'week': '2024-04-08'
                        },
                        {
                            'expected': 0,
                            'high': 0,
                            'low': 0,
                            'week': '2024-04-15'
                        },
                        {
                            'expected': 0,
                            'high': 0,
                            'low': 0,
                            'week': '2024-04-22'
                        },
                        {
                            'expected': 0,
                            'high': 0,
                            'low': 0,
                            'week': '2024-04-29'
                        },
                        {
                            'expected': 0,
                            'high': 0,
                            'low': 0,
                            'week': '2024-05-06'
                        },
                        {
                            'expected': 0,
                            'high': 0,
                            'low': 0,
                            'week': '2024-05-13'
                        }
                    ],
                    'expected': 0,
                    'high': 0,
                    'low': 0
                }
            }
        ]
    },
    {
        'cursor': None,
        'meta': {
            'current_chunk_size': 1,
            'has_more': False,
            'total_parts': 7
        },
        'results': [
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
